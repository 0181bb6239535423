//! The queue between the hub and a watch.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::mpsc;

use crate::Change;

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
    pub(crate) async fn receive(&mut self) -> Option<Vec<Arc<Change>>> {
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
    pub(crate) fn is_drained(&self) -> bool {
        self.queue.is_empty() && !self.queue.is_closed()
    }
}
