//! Growing delays: 10 s, doubled each time up to 5 minutes, forgotten after 10 quiet minutes.

use jiff::{SignedDuration, Timestamp};

const FIRST: SignedDuration = SignedDuration::from_secs(10);
const LAST: SignedDuration = SignedDuration::from_mins(5);
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// The delay that the next try has to keep. The first try after a success keeps none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Backoff(Option<(SignedDuration, Timestamp)>);

impl Backoff {
    /// What a kubelet before this one had counted, for something that was tried again so often and last at `at`.
    pub(crate) fn resumed(tries: u32, at: Timestamp) -> Self {
        let doubled = tries.saturating_sub(1).min(10);
        let delay = (FIRST * (1 << doubled)).min(LAST);
        Self((tries > 0).then_some((delay, at)))
    }

    /// The delay in force for something that failed at `failed_at`; `None` if it may be tried at once.
    pub(crate) fn delay(&self, failed_at: Timestamp) -> Option<SignedDuration> {
        self.0
            .filter(|(_, at)| failed_at.duration_since(*at) <= FORGOTTEN_AFTER)
            .map(|(delay, _)| delay)
    }

    /// Notes a try after a failure at `failed_at`: the next one keeps a longer delay.
    pub(crate) fn tried(&mut self, failed_at: Timestamp, now: Timestamp) {
        let delay = match self.delay(failed_at) {
            Some(delay) => (delay * 2).min(LAST),
            None => FIRST,
        };
        self.0 = Some((delay, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_loop_is_slowed_down_and_forgiven_after_ten_minutes() {
        let mut backoff = Backoff::default();
        let mut failed_at = Timestamp::UNIX_EPOCH;
        let mut delays = Vec::new();
        for _ in 0..8 {
            let delay = backoff.delay(failed_at);
            delays.push(delay.map_or(0, |delay| delay.as_secs()));
            let started = failed_at + delay.unwrap_or_default();
            backoff.tried(failed_at, started);
            failed_at = started + SignedDuration::from_secs(1);
        }
        assert_eq!(delays, [0, 10, 20, 40, 80, 160, 300, 300]);
        for (tries, expected) in [(0, None), (1, Some(10)), (3, Some(40)), (99, Some(300))] {
            let resumed = Backoff::resumed(tries, failed_at).delay(failed_at);
            assert_eq!(
                resumed.map(|delay| delay.as_secs()),
                expected,
                "after {tries}"
            );
        }
        let ran_long = failed_at + SignedDuration::from_mins(11);
        assert_eq!(backoff.delay(ran_long), None);
    }
}
