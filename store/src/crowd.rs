//! How long a group waits for more batches.

use std::time::Duration;

/// From this many batches in a group on, the next group is waited for.
const CROWD_BATCHES: usize = 4;
/// Bounds that wait, should the disk be slow.
const MAX_PATIENCE: Duration = Duration::from_millis(1);

/// How many wrote at a time a moment ago, and how long the disk took for them.
///
/// A flush costs the same for one batch as for many, and so does waking sled's threads. When those who were answered
/// just now are still on their way back, it pays to give them the time of a flush; a lone writer never waits.
/// PostgreSQL's `commit_delay` and `commit_siblings` do the same by settings.
#[derive(Default)]
pub(crate) struct Crowd {
    /// The batches of the last group.
    pub(crate) group: usize,
    /// The time of its flush.
    pub(crate) flush: Duration,
}

impl Crowd {
    /// How long to wait for more batches when this many are there.
    pub(crate) fn patience(&self, waiting: usize) -> Duration {
        if self.group >= CROWD_BATCHES && waiting < self.group / 2 {
            self.flush.min(MAX_PATIENCE)
        } else {
            Duration::ZERO
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_crowd_is_waited_for_and_not_for_long() {
        // batches of the last group | its flush, µs | batches that wait | µs to wait
        let cases = [
            (0, 0, 1, 0),
            (1, 150, 1, 0),
            (3, 150, 1, 0),
            (16, 150, 1, 150),
            (16, 150, 7, 150),
            (16, 150, 8, 0),
            (64, 20_000, 1, 1_000),
        ];
        for (group, flush, waiting, expected) in cases {
            let crowd = Crowd {
                group,
                flush: Duration::from_micros(flush),
            };
            let expected = Duration::from_micros(expected);
            assert_eq!(
                crowd.patience(waiting),
                expected,
                "{group} {flush} {waiting}"
            );
        }
    }
}
