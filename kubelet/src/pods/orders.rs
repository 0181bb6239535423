//! What the workers are told when the node runs short or a Pod takes more than its limits.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Orders that wait to be taken; who gives one more waits.
const WAITING: usize = 16;
/// How long an order may take before the next one is given: the kubelet's `podCleanupTimeout`.
const PATIENCE: Duration = Duration::from_secs(30);

/// The most that a Pod gets that must go at once, as the kubelet's `immediateEvictionGracePeriodSeconds`.
const IMMEDIATE_S: i64 = 1;

/// Why a Pod must leave the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Eviction {
    /// In the kubelet's words.
    pub(crate) message: String,
    pub(crate) cause: Cause,
}

/// What made it necessary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The node is short of something: the Pod is told to be disrupted.
    Pressure,
    /// It was for a while: the Pod gets time to end, at most so many seconds.
    SoftPressure(i64),
    /// It took more than its own limits allow.
    Limit,
    /// The node was short when the Pod came.
    Arrival,
    /// The Pod wants what the node does not have: the reason of its status.
    Refused(&'static str),
}

impl Eviction {
    /// The reason of the Pod's status.
    pub(crate) fn reason(&self) -> &'static str {
        match self.cause {
            Cause::Refused(reason) => reason,
            Cause::Pressure | Cause::SoftPressure(_) | Cause::Limit | Cause::Arrival => "Evicted",
        }
    }

    /// Whether the node never took the Pod.
    pub(crate) fn is_rejection(&self) -> bool {
        matches!(self.cause, Cause::Arrival | Cause::Refused(_))
    }

    /// The most that the Pod gets to end, in seconds.
    pub(crate) fn max_grace_s(&self) -> i64 {
        match self.cause {
            Cause::SoftPressure(seconds) => seconds.max(IMMEDIATE_S),
            _ => IMMEDIATE_S,
        }
    }

    /// The message of the Pod's status.
    pub(crate) fn status_message(&self) -> String {
        match self.cause {
            Cause::Pressure | Cause::SoftPressure(_) | Cause::Limit => self.message.clone(),
            Cause::Arrival | Cause::Refused(_) => {
                format!("Pod was rejected: {}", self.message)
            }
        }
    }
}

/// One order. Its guard is dropped when it is carried out, or there is nobody to do it.
#[derive(Debug)]
pub(super) enum Order {
    Evict {
        uid: String,
        eviction: Eviction,
        done: DropGuard,
    },
    /// All are to give up dead containers.
    Reclaim { done: Arc<DropGuard> },
}

/// Gives orders to the workers. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Orders(mpsc::Sender<Order>);

/// Where orders are given, and where they come out.
pub(super) fn orders() -> (Orders, mpsc::Receiver<Order>) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (Orders(sender), receiver)
}

impl Orders {
    /// Evicts the Pod of that uid; returns when it has given everything back, or should have.
    pub(crate) async fn evict(&self, uid: &str, eviction: Eviction) {
        let done = CancellationToken::new();
        let order = Order::Evict {
            uid: uid.to_owned(),
            eviction,
            done: done.clone().drop_guard(),
        };
        self.give(order, done).await;
    }

    /// Has containers that are dead removed, but the last of each name of a Pod that is not over.
    pub(crate) async fn reclaim(&self) {
        let done = CancellationToken::new();
        let order = Order::Reclaim {
            done: Arc::new(done.clone().drop_guard()),
        };
        self.give(order, done).await;
    }

    async fn give(&self, order: Order, done: CancellationToken) {
        // Without a taker the order is dropped, and its guard with it.
        let _ = self.0.send(order).await;
        if timeout(PATIENCE, done.cancelled()).await.is_err() {
            tracing::warn!("what is short was not given back in time");
        }
    }
}
