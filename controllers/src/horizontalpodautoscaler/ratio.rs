//! How many replicas a metric wants that is not of single Pods: of another object, or of something outside.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::replicas::ceil;
use super::tolerance::Tolerance;
use crate::pods::{phase, ready_condition};

/// What such a metric should be, in thousandths.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// As a whole.
    Value(i64),
    /// For each Pod.
    Average(i64),
}

/// Where a scale stands.
pub(super) struct Counts<'a> {
    /// What it wants now.
    pub(super) current: i32,
    /// How many there are.
    pub(super) reported: i32,
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) tolerance: Tolerance,
}

/// How many replicas a total of so many thousandths wants, and what the status shows of it, in thousandths; an error in words
/// if that cannot be told.
pub(super) fn wanted(
    total: i64,
    target: Target,
    counts: &Counts<'_>,
) -> Result<(i32, i64), String> {
    match target {
        Target::Value(target) => {
            let ratio = total as f64 / target.max(1) as f64;
            if counts.tolerance.holds(ratio) {
                return Ok((counts.current, total));
            }
            Ok((ceil(ratio * f64::from(ready(counts.pods)?)), total))
        }
        Target::Average(target) => {
            let replicas = total as f64 / target.max(1) as f64;
            let reported = f64::from(counts.reported.max(1));
            let replicas = if counts.tolerance.holds(replicas / reported) {
                counts.reported
            } else {
                ceil(replicas)
            };
            Ok((replicas, (total as f64 / reported).ceil() as i64))
        }
    }
}

fn ready(pods: &[Arc<Pod>]) -> Result<i32, String> {
    if pods.is_empty() {
        return Err(
            "unable to calculate ready pods: no pods returned by selector while calculating replica count"
                .to_owned(),
        );
    }
    let is_ready = |pod: &&Arc<Pod>| {
        phase(pod) == "Running" && ready_condition(pod).is_some_and(|ready| ready.status == "True")
    };
    Ok(i32::try_from(pods.iter().filter(is_ready).count()).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pods(ready: &[bool]) -> Vec<Arc<Pod>> {
        let pod = |ready: &bool| {
            let status = if *ready { "True" } else { "False" };
            let conditions = json!([{"type": "Ready", "status": status}]);
            let pod = json!({"status": {"phase": "Running", "conditions": conditions}});
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        ready.iter().map(pod).collect()
    }

    #[test]
    fn replicas_follow_a_total() {
        use Target::{Average, Value};
        let two = pods(&[true, true]);
        let one_of_two = pods(&[true, false]);
        let cases = [
            ("as wanted", 105_000, Value(100_000), &two, Ok((2, 105_000))),
            ("double", 200_000, Value(100_000), &two, Ok((4, 200_000))),
            ("half", 50_000, Value(100_000), &two, Ok((1, 50_000))),
            (
                "of those that are ready",
                200_000,
                Value(100_000),
                &one_of_two,
                Ok((2, 200_000)),
            ),
            (
                "so many each",
                100_000,
                Average(10_000),
                &two,
                Ok((10, 50_000)),
            ),
            (
                "near enough each",
                21_001,
                Average(10_000),
                &two,
                Ok((2, 10_501)),
            ),
            ("nothing is left", 0, Average(10_000), &two, Ok((0, 0))),
        ];
        for (name, total, target, pods, expected) in cases {
            let counts = Counts {
                current: 2,
                reported: 2,
                pods,
                tolerance: Tolerance::default(),
            };
            assert_eq!(wanted(total, target, &counts), expected, "{name}");
        }
    }
}
