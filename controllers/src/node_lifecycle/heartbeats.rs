//! When each node was last heard of, by this machine's clock: clocks of nodes may be wrong.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// The last heartbeat of each node, and which nodes have a timer running. As many entries as there are nodes.
#[derive(Default)]
pub(super) struct Heartbeats(Mutex<HashMap<String, Heard>>);

struct Heard {
    at: Instant,
    /// When the timer fires that looks for the next heartbeat.
    timer: Option<Instant>,
}

/// What the heartbeats of a node say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pulse {
    /// It was heard lately. The time, if any, is when to look again; without one a timer runs already.
    Alive(Option<Duration>),
    /// It was silent for longer than the grace.
    Silent,
}

impl Heartbeats {
    /// The node was heard now.
    pub(super) fn heard(&self, node: &str) {
        let at = Instant::now();
        let mut all = self.0.lock();
        match all.get_mut(node) {
            Some(heard) => heard.at = at,
            None => {
                all.insert(node.to_owned(), Heard { at, timer: None });
            }
        }
    }

    /// The node is gone.
    pub(super) fn forget(&self, node: &str) {
        self.0.lock().remove(node);
    }

    /// Whether the node was heard within `grace`; one that was never heard of counts from now.
    pub(super) fn pulse(&self, node: &str, grace: Duration) -> Pulse {
        let now = Instant::now();
        let mut all = self.0.lock();
        let heard = all.entry(node.to_owned()).or_insert(Heard {
            at: now,
            timer: None,
        });
        let due = heard.at + grace;
        if due <= now {
            heard.timer = None;
            return Pulse::Silent;
        }
        if heard.timer.is_some_and(|timer| timer > now) {
            return Pulse::Alive(None);
        }
        heard.timer = Some(due);
        Pulse::Alive(Some(due - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_timer_a_node_runs_until_it_is_silent() {
        let (heartbeats, grace) = (Heartbeats::default(), Duration::from_secs(40));
        assert_eq!(heartbeats.pulse("n1", grace), Pulse::Alive(Some(grace)));
        assert_eq!(
            heartbeats.pulse("n1", grace),
            Pulse::Alive(None),
            "the timer runs"
        );
        tokio::time::advance(Duration::from_secs(30)).await;
        heartbeats.heard("n1");
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(
            heartbeats.pulse("n1", grace),
            Pulse::Alive(Some(Duration::from_secs(30)))
        );
        tokio::time::advance(Duration::from_secs(30)).await;
        assert_eq!(heartbeats.pulse("n1", grace), Pulse::Silent);
        heartbeats.heard("n1");
        assert_eq!(heartbeats.pulse("n1", grace), Pulse::Alive(Some(grace)));
    }
}
