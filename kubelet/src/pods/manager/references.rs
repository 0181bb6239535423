//! The ConfigMaps and Secrets that Pods refer to: only they are watched, and who refers to one is told of its change.

use std::collections::HashSet;

use kube::ResourceExt;
use skiff_client::ObjectKey;

use super::Manager;
use crate::runtime::Runtime;
use crate::volumes::{self, Reference};

/// A change of something that Pods may refer to: the namespace, and the object in it.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Changed(String, Reference);

// The queue wants its keys to be hashed.
impl std::hash::Hash for Reference {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        match self {
            Reference::ConfigMap(name) => (0, name).hash(state),
            Reference::Secret(name) => (1, name).hash(state),
        }
    }
}

impl<R: Runtime> Manager<R> {
    /// Watches what the Pods of all workers refer to, and nothing else.
    pub(super) fn watch_references(&self) {
        let mut config_maps = HashSet::new();
        let mut secrets = HashSet::new();
        for worker in self.workers.values() {
            let namespace = worker.pod.namespace().unwrap_or_default();
            for reference in volumes::references(&worker.pod) {
                match reference {
                    Reference::ConfigMap(name) => {
                        config_maps.insert(ObjectKey::new(&namespace, &name))
                    }
                    Reference::Secret(name) => secrets.insert(ObjectKey::new(&namespace, &name)),
                };
            }
        }
        let objects = &self.context.host.objects;
        let queue = self.references.clone();
        objects.config_maps.keep(config_maps, move |key| {
            let reference = Reference::ConfigMap(key.name.clone());
            queue.add(Changed(key.namespace.clone(), reference));
        });
        let queue = self.references.clone();
        objects.secrets.keep(secrets, move |key| {
            let reference = Reference::Secret(key.name.clone());
            queue.add(Changed(key.namespace.clone(), reference));
        });
    }

    pub(super) fn reference_changed(&self, Changed(namespace, reference): &Changed) {
        for worker in self.workers.values() {
            let is_there = worker.pod.metadata.namespace.as_ref() == Some(namespace);
            if is_there && volumes::references(&worker.pod).contains(reference) {
                worker.inbox.put(|mail| mail.references = true);
            }
        }
    }
}
