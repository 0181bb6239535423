//! Objects by their controller.

use std::sync::Arc;

use kube::ResourceExt;
use skiff_client::{Index, Informer, Watched};

use super::controller_of;

/// A cache of a kind whose objects are found by their controller. Cheap to clone.
pub(crate) struct Owned<K> {
    /// The cache itself.
    pub(crate) all: Informer<K>,
    index: Index<K>,
}

impl<K> Clone for Owned<K> {
    fn clone(&self) -> Self {
        Self {
            all: self.all.clone(),
            index: self.index.clone(),
        }
    }
}

impl<K: Watched> Owned<K> {
    pub(crate) fn new(all: Informer<K>) -> Self {
        let index = all.index(|object| {
            vec![match controller_of(object) {
                Some(reference) => reference.uid.clone(),
                None => orphans_of(&object.namespace().unwrap_or_default()),
            }]
        });
        Self { all, index }
    }

    /// The objects whose controller has that uid.
    pub(crate) fn by(&self, uid: &str) -> Vec<Arc<K>> {
        self.index.get(uid)
    }

    /// The objects of a namespace that have no controller.
    pub(crate) fn orphans(&self, namespace: &str) -> Vec<Arc<K>> {
        self.index.get(&orphans_of(namespace))
    }
}

fn orphans_of(namespace: &str) -> String {
    // A uid never has a slash.
    format!("orphans/{namespace}")
}
