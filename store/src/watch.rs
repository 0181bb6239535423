//! Watches: the changes under a prefix, in order, without a gap.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::mpsc;

use crate::{Change, Revision, hub::Hub};

/// The changes under a prefix after a revision: first those that have happened, then those to come.
pub struct Watch {
    hub: Arc<Hub>,
    prefix: Box<str>,
    id: u64,
    /// Changes up to this one have been returned, or are not wanted.
    seen: Revision,
    replay: Vec<Arc<Change>>,
    queue: Queue,
}

/// Why a watch has no more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// The reader fell behind by more than [`crate::Options::watch_backlog_bytes`] and was cut. It may watch again
    /// after [`Watch::revision`].
    #[error("the watch fell too far behind")]
    Lagged,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl Watch {
    pub(crate) fn new(
        hub: Arc<Hub>,
        prefix: &str,
        id: u64,
        after: Revision,
        replay: Vec<Arc<Change>>,
        queue: Queue,
    ) -> Self {
        Self {
            hub,
            prefix: prefix.into(),
            id,
            seen: after,
            replay,
            queue,
        }
    }

    /// Waits for changes, and returns all that have come, at least one. The changes of a commit come together.
    /// Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// When there will be no more. What was queued before is returned first.
    pub async fn next(&mut self) -> Result<Vec<Arc<Change>>, WatchEnd> {
        loop {
            let mut changes = mem::take(&mut self.replay);
            if changes.is_empty() {
                changes = self.queue.receive().await.ok_or_else(|| self.end())?;
            }
            // A watch may start after a revision that is yet to come.
            changes.retain(|change| change.revision() > self.seen);
            if let Some(last) = changes.last() {
                self.seen = last.revision();
                return Ok(changes);
            }
        }
    }

    /// Up to where this watch has returned every change under its prefix: what a bookmark may carry. It also grows
    /// while nothing changes under the prefix.
    #[must_use]
    pub fn revision(&self) -> Revision {
        // Read before the queue is looked at: what was delivered by then is in the queue, or the watch was cut.
        let delivered = self.hub.delivered();
        if self.replay.is_empty() && self.queue.is_drained() {
            self.seen.max(delivered)
        } else {
            self.seen
        }
    }

    fn end(&self) -> WatchEnd {
        if self.hub.closed() {
            WatchEnd::Closed
        } else {
            WatchEnd::Lagged
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.unsubscribe(&self.prefix, self.id);
    }
}

/// The changes of one group of commits under one prefix, shared by all watches of that prefix.
#[derive(Clone)]
pub(crate) struct Delivery {
    changes: Arc<[Arc<Change>]>,
    bytes: usize,
}

impl Delivery {
    /// A delivery, unless there is nothing to deliver.
    pub(crate) fn new(changes: Vec<Arc<Change>>) -> Option<Self> {
        let bytes = changes.iter().map(|change| change.weight_bytes()).sum();
        (!changes.is_empty()).then(|| Self {
            changes: changes.into(),
            bytes,
        })
    }
}

/// The hub's end of a watch's queue.
pub(crate) struct Subscriber {
    queue: mpsc::UnboundedSender<Delivery>,
    backlog_bytes: Arc<AtomicUsize>,
}

/// The watch's end of its queue.
pub(crate) struct Queue {
    queue: mpsc::UnboundedReceiver<Delivery>,
    backlog_bytes: Arc<AtomicUsize>,
}

/// The two ends of a queue. Its bound is in bytes, so it is counted here and not by the channel.
pub(crate) fn subscription() -> (Subscriber, Queue) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let backlog_bytes = Arc::new(AtomicUsize::new(0));
    let subscriber = Subscriber {
        queue: sender,
        backlog_bytes: Arc::clone(&backlog_bytes),
    };
    let queue = Queue {
        queue: receiver,
        backlog_bytes,
    };
    (subscriber, queue)
}

impl Subscriber {
    /// Queues a delivery; `false` when the queue would hold more than `bound_bytes`, or nobody reads it.
    /// An empty queue takes a delivery of any size.
    pub(crate) fn push(&self, delivery: &Delivery, bound_bytes: usize) -> bool {
        let before = self
            .backlog_bytes
            .fetch_add(delivery.bytes, Ordering::AcqRel);
        let fits = before == 0 || before + delivery.bytes <= bound_bytes;
        fits && self.queue.send(delivery.clone()).is_ok()
    }
}

impl Queue {
    /// Waits for a delivery and takes all that are queued; `None` when there will be none.
    async fn receive(&mut self) -> Option<Vec<Arc<Change>>> {
        let first = self.queue.recv().await?;
        let mut changes = self.take(first);
        while let Ok(more) = self.queue.try_recv() {
            changes.append(&mut self.take(more));
        }
        Some(changes)
    }

    fn take(&self, delivery: Delivery) -> Vec<Arc<Change>> {
        self.backlog_bytes
            .fetch_sub(delivery.bytes, Ordering::AcqRel);
        delivery.changes.to_vec()
    }

    /// Whether nothing is queued and the watch has not been cut.
    fn is_drained(&self) -> bool {
        self.queue.is_empty() && !self.queue.is_closed()
    }
}
