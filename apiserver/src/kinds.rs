//! The kinds that are served now: the built-in ones, and those that CustomResourceDefinitions make.

use std::sync::Arc;

use parking_lot::RwLock;
use skiff_api::{Descriptor, Registry};

use crate::openapi::Documents;

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
}
