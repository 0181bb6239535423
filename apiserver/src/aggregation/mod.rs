//! Versions of groups that other API servers serve, behind Services
//! (<https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/>).
//!
//! In: the APIServices in the store. Out: their requests passed on with who asks, their resources for discovery, their
//! schemas, and whether they are there, as a condition. Those of this server have APIServices as well, which are always there.

mod ask;
mod availability;
mod backend;
mod forward;
mod local;
mod schemas;

pub(crate) use availability::{Condition, look};
pub(crate) use backend::Backend;
pub(crate) use forward::forward;
pub(crate) use local::services;

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use rustls::client::ResolvesClientCert;
use skiff_store::{Snapshot, Store};

use crate::codec::object_of;
use crate::remote::Remotes;

/// Where APIServices are in the store.
pub(crate) const PREFIX: &str = "/registry/apiregistration.k8s.io/apiservices/";

/// By group and version.
type Backends = BTreeMap<(String, String), Arc<Backend>>;

/// All that other servers serve.
pub(crate) struct Aggregation {
    store: Store,
    remotes: Remotes,
    /// What is shown to them, so that they believe who asks.
    identity: Arc<dyn ResolvesClientCert>,
    backends: RwLock<Backends>,
}

impl Aggregation {
    /// Nothing yet.
    pub(crate) fn new(
        store: Store,
        remotes: Remotes,
        identity: Arc<dyn ResolvesClientCert>,
    ) -> Self {
        Self {
            store,
            remotes,
            identity,
            backends: RwLock::default(),
        }
    }

    /// Takes over all APIServices; the connections of those that stay the same stay.
    pub(crate) fn read_all(&self, snapshot: &Snapshot) {
        let mut read = Backends::new();
        for entry in snapshot.range(PREFIX, None) {
            let Ok(object) = object_of(&entry.value) else {
                continue;
            };
            let Some(spec) = backend::Spec::of(&object) else {
                continue;
            };
            let key = spec.key();
            let known = self.backends.read().get(&key).cloned();
            let backend = match known.filter(|known| known.spec == spec) {
                Some(known) => known,
                None => match Backend::new(spec, &self.store, &self.remotes, &self.identity) {
                    Ok(backend) => Arc::new(backend),
                    Err(error) => {
                        tracing::error!(%error, key = %entry.key, "an APIService cannot be reached");
                        continue;
                    }
                },
            };
            read.insert(key, backend);
        }
        *self.backends.write() = read;
    }

    /// All of them, by group and version.
    pub(crate) fn backends(&self) -> Vec<Arc<Backend>> {
        self.backends.read().values().cloned().collect()
    }

    /// Who serves a path such as `/apis/wardle.example.com/v1alpha1/flunders`.
    pub(crate) fn serves(&self, path: &str) -> Option<Arc<Backend>> {
        let backends = self.backends.read();
        if backends.is_empty() {
            return None;
        }
        let mut parts = path.strip_prefix("/apis/")?.split('/');
        let key = (parts.next()?.to_owned(), parts.next()?.to_owned());
        backends.get(&key).cloned()
    }
}
