//! The kinds that are served now: the built-in ones, and those that CustomResourceDefinitions make.

use std::sync::Arc;

use parking_lot::RwLock;
use skiff_api::{Descriptor, Registry};

use crate::openapi::Documents;
use crate::request::Target;
use crate::virtuals;

/// The kinds that are served. They change as a whole, so that who asks twice of one [`Served`] gets one answer.
pub(crate) struct Kinds {
    current: RwLock<Arc<Served>>,
}

/// The kinds at one moment, and the documents that tell of them.
#[derive(Default)]
pub(crate) struct Served {
    pub(crate) registry: Registry,
    pub(crate) documents: Documents,
}

impl Kinds {
    /// The built-in kinds.
    pub(crate) fn builtin() -> Self {
        let kinds = Self {
            current: RwLock::default(),
        };
        kinds.replace(skiff_api::builtin());
        kinds
    }

    /// From now on these kinds are served.
    pub(crate) fn replace(&self, registry: Registry) {
        let mut current = self.current.write();
        let documents = current.documents.renewed();
        *current = Arc::new(Served {
            registry,
            documents,
        });
    }

    /// All kinds that are served now.
    pub(crate) fn current(&self) -> Arc<Served> {
        Arc::clone(&self.current.read())
    }

    /// The kind of that group, version and plural.
    pub(crate) fn get(&self, group: &str, version: &str, plural: &str) -> Option<Arc<Descriptor>> {
        let current = self.current.read();
        current.registry.get(group, version, plural).cloned()
    }

    /// The descriptor of that group, version and kind.
    pub(crate) fn of_kind(
        &self,
        group: &str,
        version: &str,
        kind: &str,
    ) -> Option<Arc<Descriptor>> {
        let current = self.current.read();
        current.registry.of_kind(group, version, kind).cloned()
    }

    /// The kind of what a request is about.
    pub(crate) fn of_target(&self, target: &Target) -> Option<Arc<Descriptor>> {
        self.get(&target.group, &target.version, &target.resource)
    }

    /// Whether there is such a resource, so that it may become the label of a metric.
    pub(crate) fn serves(&self, target: &Target) -> bool {
        let subresource = target.subresource.as_str();
        virtuals::find(target).is_some()
            || self.of_target(target).is_some_and(|descriptor| {
                subresource.is_empty()
                    || (subresource == "status" && descriptor.subresources.status)
                    || (subresource == "scale" && descriptor.subresources.scale.is_some())
                    || virtuals::of(&descriptor).any(|known| known.subresource == subresource)
            })
    }
}
