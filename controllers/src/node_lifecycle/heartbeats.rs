//! When each node was last heard of, by this machine's clock: clocks of nodes may be wrong.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The last heartbeat of each node. As many entries as there are nodes.
#[derive(Default)]
pub(super) struct Heartbeats(Mutex<HashMap<String, Instant>>);

/// What the heartbeats of a node say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// It was heard lately; after this time it would be silent.
    Alive(Duration),
    /// It was silent for longer than the grace.
    Silent,
}

impl Heartbeats {
    /// The node was heard now.
    pub(super) fn heard(&self, node: &str) {
        self.0.lock().insert(node.to_owned(), Instant::now());
    }

    /// The node is gone.
    pub(super) fn forget(&self, node: &str) {
        self.0.lock().remove(node);
    }

    /// Whether the node was heard within `grace`; one that was never heard of counts from now.
    pub(super) fn pulse(&self, node: &str, grace: Duration) -> Pulse {
        let now = Instant::now();
        let mut all = self.0.lock();
        let heard = all.entry(node.to_owned()).or_insert(now);
        match (*heard + grace).saturating_duration_since(now) {
            Duration::ZERO => Pulse::Silent,
            left => Pulse::Alive(left),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn whoever_asks_again_is_told_again_when_a_node_would_be_silent() {
        let (heartbeats, grace) = (Heartbeats::default(), Duration::from_secs(40));
        let alive = |seconds| Pulse::Alive(Duration::from_secs(seconds));
        assert_eq!(heartbeats.pulse("n1", grace), alive(40));
        // What followed may have failed, and its timer was not set.
        assert_eq!(heartbeats.pulse("n1", grace), alive(40));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(heartbeats.pulse("n1", grace), alive(10));
        heartbeats.heard("n1");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(heartbeats.pulse("n1", grace), alive(30));
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(heartbeats.pulse("n1", grace), Pulse::Silent);
        heartbeats.heard("n1");
        assert_eq!(heartbeats.pulse("n1", grace), alive(40));
    }
}
