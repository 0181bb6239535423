//! What the watches see, on its way into the graph.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use skiff_client::WorkQueue;
use tokio::sync::{Notify, watch};

use super::graph::{Graph, Uid};
use crate::resources::{Deletions, Resource, Seen};

/// How long work waits for the first lists. A resource whose lists fail must not hold up all others.
const PATIENCE: Duration = Duration::from_secs(30);
/// The resources whose objects define which other resources there are.
const DEFINITIONS: [&str; 2] = [
    "customresourcedefinitions.apiextensions.k8s.io",
    "apiservices.apiregistration.k8s.io",
];

/// Brings what watches see into the graph, and the objects that it concerns into the queue. Cheap to clone.
#[derive(Clone)]
pub(super) struct Feed {
    pub(super) graph: Arc<Mutex<Graph>>,
    pub(super) queue: WorkQueue<Uid>,
    deletions: Deletions,
    /// The resources that are to be listed before work begins, by name.
    awaited: Arc<watch::Sender<HashSet<String>>>,
    defined: Arc<Notify>,
}

impl Feed {
    /// Feeds an empty graph; work is to wait for the lists of `first`.
    pub(super) fn new(deletions: Deletions, first: &[Resource]) -> Self {
        let awaited = first.iter().map(Resource::display_name).collect();
        Self {
            graph: Arc::default(),
            queue: WorkQueue::new(),
            deletions,
            awaited: Arc::new(watch::channel(awaited).0),
            defined: Arc::default(),
        }
    }

    /// Takes in what is seen of a resource.
    pub(super) fn take(&self, resource: &Arc<Resource>, seen: Seen) {
        if DEFINITIONS.contains(&resource.display_name().as_str()) {
            self.defined.notify_one();
        }
        let work = match seen {
            Seen::Applied(meta) => self.graph.lock().apply(resource, &meta),
            Seen::Gone(meta) => {
                self.deletions
                    .gone(meta.namespace.as_deref().unwrap_or_default());
                self.graph
                    .lock()
                    .remove(meta.uid.as_deref().unwrap_or_default())
            }
            Seen::Listed(metas) => {
                let work = self.graph.lock().replace(resource, &metas);
                self.deletions.some_gone();
                self.awaited.send_modify(|awaited| {
                    awaited.remove(&resource.display_name());
                });
                work
            }
        };
        work.into_iter().for_each(|uid| self.queue.add(uid));
    }

    /// Waits until resources may have come or gone.
    pub(super) async fn defined(&self) {
        self.defined.notified().await;
    }

    /// Waits for the first lists: an owner that is not in the graph yet is not an absent owner.
    pub(super) fn all_listed(&self) -> impl Future<Output = ()> + use<> {
        let mut awaited = self.awaited.subscribe();
        async move {
            let listed = awaited.wait_for(HashSet::is_empty);
            let _ = tokio::time::timeout(PATIENCE, listed).await;
        }
    }
}
