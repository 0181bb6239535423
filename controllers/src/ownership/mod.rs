//! Who controls an object: references, the index over them, adoption and release.

mod claim;
mod index;
mod reference;
mod wake;

pub(crate) use claim::{Claimant, claim};
pub(crate) use index::Owned;
pub(crate) use reference::{controller_of, controller_reference, is_controlled_by, uid_of};
pub(crate) use wake::{owner_key, wake_on_change, wake_owners};
