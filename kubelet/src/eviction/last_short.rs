//! When the node was short, and for how long that counts.

use std::time::Duration;

use tokio::time::Instant;

use crate::pressure::Pressure;
use crate::thresholds::{Resource, Signal};

/// When each was last short. A shortage that was relieved counts for a while, so that what was evicted does not come back
/// only to go again
/// (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-condition-oscillation>).
#[derive(Debug)]
pub(crate) struct LastShort {
    transition: Duration,
    memory: Option<Instant>,
    disk: Option<Instant>,
    pids: Option<Instant>,
}

impl LastShort {
    /// Nothing was short yet; a shortage counts for `transition`.
    pub(crate) fn new(transition: Duration) -> Self {
        Self {
            transition,
            memory: None,
            disk: None,
            pids: None,
        }
    }

    /// What counts as short now that these thresholds are met.
    pub(crate) fn note(&mut self, met: impl IntoIterator<Item = Signal>, now: Instant) -> Pressure {
        for signal in met {
            let last = match signal.resource() {
                Resource::Memory => &mut self.memory,
                Resource::EphemeralStorage | Resource::Inodes => &mut self.disk,
                Resource::Pids => &mut self.pids,
            };
            *last = Some(now);
        }
        let transition = self.transition;
        let counts = |last: Option<Instant>| {
            last.is_some_and(|last| last == now || now.duration_since(last) < transition)
        };
        Pressure {
            memory: counts(self.memory),
            disk: counts(self.disk),
            pids: counts(self.pids),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_counts_for_a_while_after_it_is_relieved() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let full = Pressure {
            disk: true,
            ..Pressure::default()
        };
        let mut last = LastShort::new(Duration::from_secs(300));
        for (signals, at, expected) in [
            (vec![], 0, Pressure::default()),
            (vec![Signal::NodefsInodesFree], 10, full),
            (vec![Signal::ImagefsAvailable], 20, full),
            (vec![], 30, full),
            (vec![], 319, full),
            (vec![], 320, Pressure::default()),
            (
                vec![Signal::MemoryAvailable],
                330,
                Pressure {
                    memory: true,
                    ..Pressure::default()
                },
            ),
        ] {
            assert_eq!(last.note(signals, after(at)), expected, "{at}");
        }
        let mut forgetful = LastShort::new(Duration::ZERO);
        let full = forgetful.note([Signal::PidAvailable], after(0));
        assert!(full.pids, "what is short now counts");
        assert_eq!(forgetful.note([], after(1)), Pressure::default());
    }
}
