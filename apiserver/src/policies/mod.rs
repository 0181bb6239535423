//! Policies in CEL: asked about an object before webhooks are, with nothing but what the cluster has.
//!
//! In: a write as it is to be stored. Out: the object as the policies changed it, or the refusal of one of them. What an
//! expression means is in `skiff_api::policies`; here is which policies are in force, and what they are told.
//!
//! ```text
//!   store ──► table (policies compiled once, bindings) ──► invocations: what matches (constraints), with which params
//!                                                              ├──► mutate (among the webhooks that change objects)
//!                                                              └──► validate      authority: `authorizer` in CEL
//!     └──► typing: what `upkeep` says in the status of a policy of fields that there are not
//! ```

mod authority;
mod binding;
mod constraints;
mod facts;
mod invocations;
mod mutate;
mod params;
mod policy;
mod table;
mod typing;
mod validate;

pub(crate) use facts::Known;
pub(crate) use mutate::{Mutation, mutations};
pub(crate) use table::Policies;
pub(crate) use typing::{FOLDER as VALIDATING, is_checked, unchecked, unchecked_after, warnings};
pub(crate) use validate::validate;

use skiff_api::{Cause, Status};

/// A refusal with its cause, as programs look for it.
fn because(mut status: Status, message: &str) -> Status {
    status.details.causes.push(Cause {
        reason: String::new(),
        message: message.to_owned(),
        field: String::new(),
    });
    status
}
