//! The Pods that want a place: the most important first, and those that found none only after something has happened that
//! may help them (<https://kubernetes.io/docs/concepts/scheduling-eviction/scheduling-framework/>, KEP-4247).

mod state;

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use parking_lot::Mutex;
use skiff_client::ObjectKey;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::event::Event;
use state::State;

/// The queue. It holds each Pod without a place once. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Queue(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    wake: Notify,
}

impl Queue {
    /// Takes in a Pod that wants a place, or what has changed of it.
    pub(crate) fn add(&self, pod: Arc<Pod>) {
        self.0.state.lock().add(pod);
        self.0.wake.notify_one();
    }

    /// Drops a Pod: it has a place, or is gone.
    pub(crate) fn remove(&self, key: &ObjectKey) {
        self.0.state.lock().remove(key);
    }

    /// Tells of something that may help Pods that wait.
    pub(crate) fn happened(&self, event: Event) {
        self.0.state.lock().happened(event);
        self.0.wake.notify_one();
    }

    /// The next Pod to be placed, until [`Queue::refused`], [`Queue::failed`] or [`Queue::remove`]. One at a time.
    /// Cancel-safe.
    pub(crate) async fn next(&self) -> ObjectKey {
        loop {
            let wake = self.0.wake.notified();
            let until = match self.0.state.lock().take(Instant::now()) {
                Ok(key) => return key,
                Err(until) => until,
            };
            match until {
                Some(at) => {
                    tokio::select! { () = wake => {}, () = tokio::time::sleep_until(at) => {} }
                }
                None => wake.await,
            }
        }
    }

    /// The Pod that was taken found no place, or cannot go on before something happens; it comes again when that may help,
    /// and at `until` in any case.
    pub(crate) fn refused(
        &self,
        key: &ObjectKey,
        by: BTreeSet<&'static str>,
        until: Option<Instant>,
    ) {
        self.0.state.lock().refused(key, by, until);
        self.0.wake.notify_one();
    }

    /// Something went wrong with the Pod: it comes again after a while.
    pub(crate) fn failed(&self, key: &ObjectKey) {
        self.0.state.lock().failed(key);
        self.0.wake.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::plugins::fixtures::{node, pod};
    use serde_json::json;

    fn of_priority(name: &str, priority: i32) -> Arc<Pod> {
        Arc::new(pod(name, json!({ "containers": [], "priority": priority })))
    }

    fn key(name: &str) -> ObjectKey {
        ObjectKey::new("default", name)
    }

    fn free_node() -> Event {
        Event::Node(node("n", json!({})).node)
    }

    async fn next(queue: &Queue) -> String {
        queue.next().await.name
    }

    #[tokio::test(start_paused = true)]
    async fn the_most_important_comes_first() {
        let queue = Queue::default();
        for (name, priority) in [("a", 0), ("b", 5), ("c", 0), ("d", 5)] {
            queue.add(of_priority(name, priority));
        }
        queue.add(of_priority("c", 9));
        for expected in ["c", "b", "d", "a"] {
            assert_eq!(next(&queue).await, expected);
            queue.remove(&key(expected));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_pod_waits_for_what_may_help_it() {
        let queue = Queue::default();
        queue.add(of_priority("a", 0));
        assert_eq!(next(&queue).await, "a");
        queue.refused(&key("a"), BTreeSet::from(["NodeAffinity"]), None);
        queue.happened(Event::Storage);
        queue.happened(Event::PodGone(of_priority("x", 0)));
        let waits = tokio::time::timeout(Duration::from_secs(3600), queue.next()).await;
        assert!(waits.is_err(), "neither helps");
        queue.happened(free_node());
        assert_eq!(next(&queue).await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn what_happens_while_a_pod_is_placed_is_not_missed() {
        let queue = Queue::default();
        queue.add(of_priority("a", 0));
        assert_eq!(next(&queue).await, "a");
        queue.happened(free_node());
        queue.refused(&key("a"), BTreeSet::from(["NodeAffinity"]), None);
        assert_eq!(next(&queue).await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_was_refused_just_now_lets_others_go_first() {
        let queue = Queue::default();
        queue.add(of_priority("a", 9));
        assert_eq!(next(&queue).await, "a");
        queue.refused(&key("a"), BTreeSet::from(["NodeAffinity"]), None);
        queue.add(of_priority("b", 0));
        queue.happened(free_node());
        assert_eq!(next(&queue).await, "b");
        queue.remove(&key("b"));
        assert_eq!(next(&queue).await, "a");
    }

    #[tokio::test(start_paused = true)]
    async fn what_went_wrong_is_tried_again_later_and_later() {
        let queue = Queue::default();
        queue.add(of_priority("a", 0));
        for seconds in [1, 2, 4, 8, 10, 10] {
            assert_eq!(next(&queue).await, "a");
            let before = Instant::now();
            queue.failed(&key("a"));
            queue.happened(free_node());
            assert_eq!(next(&queue).await, "a");
            assert_eq!(before.elapsed().as_secs(), seconds);
            queue.0.state.lock().activate(&key("a"));
        }
    }
}
