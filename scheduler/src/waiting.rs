//! Pods that found no place wait for a change that may help.

use std::collections::HashSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use parking_lot::Mutex;
use skiff_client::{Change, ObjectKey, WorkQueue};

/// The Pods that found no place; at most as many as there are Pods. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Arc<Mutex<HashSet<ObjectKey>>>);

impl Waiting {
    pub(crate) fn add(&self, key: ObjectKey) {
        self.0.lock().insert(key);
    }

    pub(crate) fn remove(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }

    /// Queues all of them again.
    pub(crate) fn wake(&self, queue: &WorkQueue<ObjectKey>) {
        for key in self.0.lock().drain() {
            queue.add(key);
        }
    }
}

/// Whether a change of a Node may make room for a Pod; a new heartbeat does not.
pub(crate) fn node_may_help(change: &Change<Node>) -> bool {
    match change {
        Change::Added(_) => true,
        Change::Deleted(_) => false,
        Change::Updated { old, new } => {
            let allocatable = |node: &Node| {
                node.status
                    .as_ref()
                    .and_then(|status| status.allocatable.clone())
            };
            old.spec != new.spec
                || old.metadata.labels != new.metadata.labels
                || allocatable(old) != allocatable(new)
        }
    }
}
