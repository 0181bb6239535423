//! Writers to a namespace with quotas go one after the other: each changes the same quota, so of many at once all but
//! one would have to plan again.

use std::hash::{BuildHasher, RandomState};

use skiff_store::Snapshot;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Namespaces share this many queues.
const QUEUES: usize = 16;

/// Where writers wait. Limits hold without it: it only spares attempts.
pub(crate) struct Turns {
    queues: [Semaphore; QUEUES],
    hasher: RandomState,
}

/// A writer's turn, until it is dropped; `None` where it need not wait for one.
pub(crate) type Turn<'a> = Option<SemaphorePermit<'a>>;

impl Turns {
    /// Nobody waits.
    pub(crate) fn new() -> Self {
        Self {
            queues: std::array::from_fn(|_| Semaphore::new(1)),
            hasher: RandomState::new(),
        }
    }

    /// Waits for its turn to write to a namespace, if that has quotas.
    pub(crate) async fn wait(&self, snapshot: &Snapshot, namespace: &str) -> Turn<'_> {
        super::quotas(snapshot, namespace).first()?;
        let queue = self.hasher.hash_one(namespace) as usize % QUEUES;
        // Nobody closes the queues.
        self.queues[queue].acquire().await.ok()
    }
}
