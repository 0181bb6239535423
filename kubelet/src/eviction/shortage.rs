//! What the node is short of, and what of it for long enough: pure but for the time, which it is told.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::thresholds::{EvictionThresholds, Observation, Signal, SoftEviction, Threshold};

/// The thresholds of the node, and since when soft ones are met.
#[derive(Debug)]
pub(crate) struct Shortage<'a> {
    hard: &'a EvictionThresholds,
    soft: &'a SoftEviction,
    since: BTreeMap<Signal, Instant>,
}

/// What was found at one look.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    /// All that is short: what the node tells of itself.
    pub(crate) signals: Vec<Signal>,
    /// For what Pods must go, in the order in which it is dealt with.
    pub(crate) due: Vec<Due>,
    /// When a grace period ends.
    pub(crate) again_at: Option<Instant>,
}

/// A threshold that is met, for long enough if it is a soft one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Due {
    pub(crate) threshold: Threshold,
    pub(crate) seen: Observation,
    /// The most that a Pod gets to end, in seconds, for a soft threshold.
    pub(crate) max_grace_s: Option<i64>,
}

impl<'a> Shortage<'a> {
    /// Nothing was looked at yet.
    pub(crate) fn new(hard: &'a EvictionThresholds, soft: &'a SoftEviction) -> Self {
        Self {
            hard,
            soft,
            since: BTreeMap::new(),
        }
    }

    /// Takes in what is left.
    pub(crate) fn note(&mut self, seen: &[Observation], now: Instant) -> Found {
        let hard = self.hard.met(seen).into_iter();
        let mut due: Vec<Due> = hard
            .map(|(threshold, seen)| Due {
                threshold,
                seen,
                max_grace_s: None,
            })
            .collect();
        let mut signals: Vec<Signal> = due.iter().map(|due| due.threshold.signal).collect();
        let soft = self.soft.met(seen);
        self.since
            .retain(|signal, _| soft.iter().any(|(one, ..)| one.signal == *signal));
        let mut again_at = None;
        for (threshold, seen, after) in soft {
            signals.push(threshold.signal);
            let since = *self.since.entry(threshold.signal).or_insert(now);
            let left = after.saturating_sub(now.duration_since(since));
            if left == Duration::ZERO {
                due.push(Due {
                    threshold,
                    seen,
                    max_grace_s: Some(self.soft.max_pod_grace_period_s()),
                });
            } else {
                let at = now + left;
                again_at = Some(again_at.map_or(at, |known: Instant| known.min(at)));
            }
        }
        due.sort_by_key(|due| (due.threshold.signal, due.max_grace_s.is_some()));
        Found {
            signals,
            due,
            again_at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn soft_thresholds_are_due_when_their_grace_period_is_over() {
        let hard: EvictionThresholds = "memory.available<10,pid.available<5".parse().expect("hard");
        let soft = SoftEviction::new(
            "memory.available<100,pid.available<50"
                .parse()
                .expect("soft"),
            "memory.available=30s,pid.available=1m"
                .parse()
                .expect("periods"),
            7,
        );
        let soft = soft.expect("sound");
        let mut shortage = Shortage::new(&hard, &soft);
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let (memory, pids) = (Signal::MemoryAvailable, Signal::PidAvailable);
        for (at, left, signals, due, again_at) in [
            (0, [99, 99], vec![memory], vec![], Some(30)),
            (10, [99, 49], vec![memory, pids], vec![], Some(30)),
            (
                30,
                [99, 49],
                vec![memory, pids],
                vec![(memory, Some(7))],
                Some(70),
            ),
            // Relieved for a moment: it begins anew.
            (40, [100, 4], vec![pids, pids], vec![(pids, None)], Some(70)),
            (50, [99, 49], vec![memory, pids], vec![], Some(70)),
            (
                80,
                [9, 49],
                vec![memory, memory, pids],
                vec![(memory, None), (memory, Some(7)), (pids, Some(7))],
                None,
            ),
        ] {
            let seen = [memory, pids].into_iter().zip(left);
            let seen: Vec<Observation> = seen
                .map(|(signal, available)| Observation {
                    signal,
                    available,
                    capacity: 1000,
                })
                .collect();
            let found = shortage.note(&seen, after(at));
            let found_due: Vec<_> = found
                .due
                .iter()
                .map(|one| (one.threshold.signal, one.max_grace_s))
                .collect();
            assert_eq!((found.signals, found_due), (signals, due), "{at}");
            assert_eq!(found.again_at, again_at.map(after), "{at}");
        }
    }
}
