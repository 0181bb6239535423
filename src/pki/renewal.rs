//! When a certificate is renewed.

use std::time::{Duration, SystemTime};

/// From here on a certificate is renewed, in percent of its life: the earliest that a kubelet of Kubernetes does it, which
/// leaves the most time to a machine that is off, or cannot reach its server.
const RENEWED_AT_PERCENT: u32 = 70;
/// Clocks are set and machines sleep, and timers see neither: the time is looked at so often.
const LOOK_AGAIN: Duration = Duration::from_secs(3600);
/// Pauses after failures: the first, doubling, to the last.
const TRY_AGAIN: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// From when on a certificate of that life is renewed.
pub(super) fn due(not_before: SystemTime, not_after: SystemTime) -> SystemTime {
    let life = not_after.duration_since(not_before).unwrap_or_default();
    not_before + life / 100 * RENEWED_AT_PERCENT
}

/// How long to wait until the next look, if something is due then and that many attempts in a row have failed.
pub(super) fn pause(due: SystemTime, now: SystemTime, failures: u32) -> Duration {
    let (first, longest) = TRY_AGAIN;
    match failures {
        0 => due.duration_since(now).unwrap_or_default().min(LOOK_AGAIN),
        failures => first
            .saturating_mul(2_u32.saturating_pow(failures - 1))
            .min(longest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_certificate_is_renewed_long_before_its_end() {
        let born = SystemTime::now();
        let year = due(born, born + DAY * 365);
        assert!(year > born + DAY * 255 && year < born + DAY * 256);
        assert_eq!(due(at(100), at(120)), at(114));
        // One that ends before it begins is no certificate to wait for.
        assert_eq!(due(at(120), at(100)), at(120));
    }

    #[test]
    fn the_clock_is_looked_at_and_failures_are_tried_again() {
        let seconds = |due, now, failures| pause(at(due), at(now), failures).as_secs();
        assert_eq!(seconds(1000, 990, 0), 10);
        assert_eq!(seconds(1000, 1000, 0), 0);
        assert_eq!(seconds(1000, 2000, 0), 0);
        assert_eq!(seconds(1_000_000, 0, 0), 3600);
        let pauses = [1, 2, 3, 9, 10, 4_000_000_000].map(|failures| seconds(1000, 0, failures));
        assert_eq!(pauses, [1, 2, 4, 256, 300, 300]);
    }
}
