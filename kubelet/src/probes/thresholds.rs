//! From single outcomes to the probe's result.

use k8s_openapi::api::core::v1::Probe;

use super::{ProbeKind, seconds};

/// Counts outcomes of the same kind in a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Thresholds {
    success: u64,
    failure: u64,
    last: Option<bool>,
    in_a_row: u64,
}

impl Thresholds {
    pub(super) fn new(kind: ProbeKind, probe: &Probe) -> Self {
        let success = seconds(probe.success_threshold, 1);
        Self {
            // Only readiness may ask for more than one success (validation says so too).
            success: if kind == ProbeKind::Readiness {
                success
            } else {
                1
            },
            failure: seconds(probe.failure_threshold, 3),
            last: None,
            in_a_row: 0,
        }
    }

    /// Takes an outcome; gives the result once there were enough of its kind in a row.
    pub(super) fn count(&mut self, passed: bool) -> Option<bool> {
        if self.last != Some(passed) {
            self.last = Some(passed);
            self.in_a_row = 0;
        }
        self.in_a_row = self.in_a_row.saturating_add(1);
        let wanted = if passed { self.success } else { self.failure };
        (self.in_a_row >= wanted).then_some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_follow_the_thresholds() {
        let probe = Probe {
            success_threshold: Some(2),
            failure_threshold: Some(3),
            ..Probe::default()
        };
        let (pass, fail) = (true, false);
        let mut readiness = Thresholds::new(ProbeKind::Readiness, &probe);
        let results =
            [pass, pass, fail, fail, pass, fail, fail, fail].map(|one| readiness.count(one));
        let expected = [None, Some(true), None, None, None, None, None, Some(false)];
        assert_eq!(results, expected);

        let mut liveness = Thresholds::new(ProbeKind::Liveness, &probe);
        assert_eq!(liveness.count(pass), Some(true));
    }
}
