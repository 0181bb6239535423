//! A write, as those see it who ask whether its writer may.

use serde_json::Value;
use skiff_api::{Descriptor, UserInfo};

/// A write, as those see it who ask whether its writer may.
pub(crate) struct Write<'a> {
    pub(crate) user: &'a UserInfo,
    pub(crate) descriptor: &'a Descriptor,
    pub(crate) part: Part,
    /// What stands; `None` for a new object.
    pub(crate) old: Option<&'a Value>,
    pub(crate) new: &'a Value,
}

/// Which part of an object an update writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All but the status, if that is written apart.
    Main,
    /// The status, and the annotations and finalizers of those who report it.
    Status,
    /// The conditions that decide on a CertificateSigningRequest.
    Approval,
    /// The finalizers in the spec of a namespace.
    Finalizers,
    /// The containers that are added to a Pod to look inside.
    EphemeralContainers,
    /// The resources of a Pod's containers, while they run.
    Resize,
    /// Where a Pod runs: it is not the user's to change, and comes with a status condition.
    Binding,
}
