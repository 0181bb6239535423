//! Pods whose resources are changed while they run (KEP-1287), their own (KEP-5419) and those of their containers.
//!
//! ```text
//!   Claim: wanted, as in the spec ──► Place in the Room: has the node so much? ──► granted: the Pod that its worker knows
//!                                          └──► Refusal ──► Resizing, the book of the Pod                 │
//!                                status ◄── conditions ◄──────┘  └──► Change ──► cgroups ──► Outcome ◄────┘
//! ```
//!
//! What is granted is written down nowhere else: the API server knows of a resize before anything is changed, and what the
//! containers have until then; a kubelet that starts again decides anew.

mod amounts;
mod applied;
mod change;
mod claim;
mod conditions;
mod granted;
mod ledger;
mod message;
mod order;
mod refusal;
mod room;

pub(crate) use self::applied::Applied;
pub(crate) use self::change::Change;
pub(crate) use self::claim::Claim;
pub(crate) use self::conditions::is_condition;
pub(crate) use self::granted::as_told;
pub(crate) use self::ledger::{Outcome, Resizing};
pub(crate) use self::message::message;
pub(crate) use self::refusal::{Refusal, RefusalKind};
pub(crate) use self::room::Room;
