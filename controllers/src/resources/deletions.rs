//! Tells the namespace controller that an object of a namespace is gone.

use std::collections::HashSet;
use std::sync::Arc;

use parking_lot::Mutex;
use skiff_client::{ObjectKey, WorkQueue};

/// The namespaces that wait for their objects to go. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Deletions(Arc<Waiting>);

#[derive(Default)]
struct Waiting {
    /// Never more than there are namespaces: each is taken out when it is gone.
    namespaces: Mutex<HashSet<String>>,
    /// The keys of the namespace controller.
    queue: WorkQueue<ObjectKey>,
}

impl Deletions {
    /// The queue that namespaces are added to.
    pub(crate) fn queue(&self) -> &WorkQueue<ObjectKey> {
        &self.0.queue
    }

    /// From now on, each object of the namespace that goes adds the namespace to the queue.
    pub(crate) fn await_in(&self, namespace: &str) {
        self.0.namespaces.lock().insert(namespace.to_owned());
    }

    /// The namespace waits no longer.
    pub(crate) fn forget(&self, namespace: &str) {
        self.0.namespaces.lock().remove(namespace);
    }

    /// An object of that namespace is gone.
    pub(crate) fn gone(&self, namespace: &str) {
        if self.0.namespaces.lock().contains(namespace) {
            self.0.queue.add(ObjectKey::cluster(namespace));
        }
    }

    /// Some objects are gone, it is not known which.
    pub(crate) fn some_gone(&self) {
        for namespace in self.0.namespaces.lock().iter() {
            self.0.queue.add(ObjectKey::cluster(namespace));
        }
    }
}
