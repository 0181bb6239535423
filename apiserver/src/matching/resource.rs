//! Resources of several versions.

use std::sync::Arc;

use skiff_api::Descriptor;

use super::attributes::Attributes;
use crate::kinds::Kinds;

/// What a request is about, in all its versions.
pub(crate) struct Resource {
    /// The version that was sent; `None` if the kind has just gone.
    pub(super) sent: Option<Arc<Descriptor>>,
    pub(super) others: Vec<Arc<Descriptor>>,
}

impl Resource {
    /// That of a request.
    pub(crate) fn of(kinds: &Kinds, attributes: &Attributes<'_>) -> Self {
        let served = kinds.current();
        let [group, version, plural] = attributes.resource;
        let sent = served.registry.get(group, version, plural).cloned();
        let others = sent.as_deref();
        let others = others.map(|sent| served.registry.other_versions(sent));
        Self {
            others: others.unwrap_or_default(),
            sent,
        }
    }
}
