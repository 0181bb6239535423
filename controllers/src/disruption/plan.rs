//! What a budget's status should say.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use kube::ResourceExt;

use crate::pods::is_ready;
use crate::selection::Selection;

/// How long an eviction may take to become a deletion that is seen.
const DELETION_TIMEOUT: Duration = Duration::from_secs(2 * 60);

/// Whether the budget is about the Pod; one without a selector is about none.
pub(super) fn covers(budget: &PodDisruptionBudget, pod: &Pod) -> bool {
    let selector = budget.spec.as_ref().and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| Selection::of(selector).matches(pod.metadata.labels.as_ref()))
}

/// Whether the makers of the Pods must be asked how many there should be.
pub(super) fn needs_scale(budget: &PodDisruptionBudget) -> bool {
    let spec = budget.spec.as_ref();
    let (least, most) = (
        spec.and_then(|spec| spec.min_available.as_ref()),
        spec.and_then(|spec| spec.max_unavailable.as_ref()),
    );
    most.is_some() || matches!(least, Some(IntOrString::String(_)))
}

/// What was found out about a budget.
pub(super) struct Seen<'a> {
    pub(super) pods: &'a [Arc<Pod>],
    /// How many Pods their makers want, if they were asked.
    pub(super) scale: i32,
    pub(super) now: Timestamp,
}

/// The status of a budget, and when its evictions must have become deletions.
pub(super) fn status(
    budget: &PodDisruptionBudget,
    seen: &Seen<'_>,
) -> (PodDisruptionBudgetStatus, Option<Duration>) {
    let (under_way, again) = under_way(budget, seen);
    let healthy = seen.pods.iter().filter(|pod| {
        pod.metadata.deletion_timestamp.is_none()
            && !under_way.contains_key(&pod.name_any())
            && is_ready(pod)
    });
    let healthy = healthy.count() as i32;
    let (expected, desired) = expectation(budget, seen);
    let allowed = if expected > 0 {
        (healthy - desired).max(0)
    } else {
        0
    };
    let reason = if allowed > 0 {
        ("True", "SufficientPods")
    } else {
        ("False", "InsufficientPods")
    };
    let status = PodDisruptionBudgetStatus {
        conditions: Some(conditions(budget, reason, "", seen.now)),
        current_healthy: Some(healthy),
        desired_healthy: Some(desired),
        disrupted_pods: (!under_way.is_empty()).then_some(under_way),
        disruptions_allowed: Some(allowed),
        expected_pods: Some(expected),
        observed_generation: budget.metadata.generation,
    };
    (status, again)
}

/// The status of a budget that cannot be counted: nothing may be disturbed.
pub(super) fn failed(
    budget: &PodDisruptionBudget,
    why: &str,
    now: Timestamp,
) -> PodDisruptionBudgetStatus {
    PodDisruptionBudgetStatus {
        conditions: Some(conditions(budget, ("False", "SyncFailed"), why, now)),
        disruptions_allowed: Some(0),
        observed_generation: budget.metadata.generation,
        ..budget.status.clone().unwrap_or_default()
    }
}

/// How many Pods there should be, and how many of them healthy.
fn expectation(budget: &PodDisruptionBudget, seen: &Seen<'_>) -> (i32, i32) {
    let spec = budget.spec.as_ref();
    if let Some(most) = spec.and_then(|spec| spec.max_unavailable.as_ref()) {
        let desired = seen.scale - scaled(most, seen.scale);
        return (seen.scale, desired.max(0));
    }
    match spec.and_then(|spec| spec.min_available.as_ref()) {
        Some(IntOrString::Int(least)) => (seen.pods.len() as i32, *least),
        Some(percent) => (seen.scale, scaled(percent, seen.scale)),
        None => (seen.pods.len() as i32, 0),
    }
}

/// A count, or that percentage of the whole, rounded up.
fn scaled(amount: &IntOrString, whole: i32) -> i32 {
    match amount {
        IntOrString::Int(count) => *count,
        IntOrString::String(text) => {
            let percent: i64 = text.trim_end_matches('%').parse().unwrap_or(0);
            let part = (i64::from(whole) * percent + 99) / 100;
            i32::try_from(part).unwrap_or(i32::MAX)
        }
    }
}

/// Evictions that are not deletions yet, and when the first of them will have taken too long.
fn under_way(
    budget: &PodDisruptionBudget,
    seen: &Seen<'_>,
) -> (BTreeMap<String, Time>, Option<Duration>) {
    let mut kept = BTreeMap::new();
    let mut again: Option<Duration> = None;
    let status = budget.status.as_ref();
    let noted = status.and_then(|status| status.disrupted_pods.as_ref());
    for (name, since) in noted.into_iter().flatten() {
        let exists =
            |pod: &Arc<Pod>| pod.name_any() == *name && pod.metadata.deletion_timestamp.is_none();
        let passed = seen.now.duration_since(since.0);
        let left = SignedDuration::try_from(DELETION_TIMEOUT).unwrap_or_default() - passed;
        let left = Duration::try_from(left).unwrap_or_default();
        if left.is_zero() || !seen.pods.iter().any(exists) {
            continue;
        }
        kept.insert(name.clone(), since.clone());
        again = Some(again.map_or(left, |known| known.min(left)));
    }
    (kept, again)
}

/// The one condition; its time is that of its last change.
fn conditions(
    budget: &PodDisruptionBudget,
    (status, reason): (&str, &str),
    message: &str,
    now: Timestamp,
) -> Vec<Condition> {
    let before = budget.status.as_ref();
    let before = before.and_then(|status| status.conditions.as_ref()?.first());
    let since = before.filter(|before| before.status == status);
    vec![Condition {
        type_: "DisruptionAllowed".to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message: message.to_owned(),
        observed_generation: budget.metadata.generation,
        last_transition_time: since.map_or(Time(now), |before| before.last_transition_time.clone()),
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: &str = "2026-01-01T00:01:00Z";

    fn pods(ready: &[bool]) -> Vec<Arc<Pod>> {
        let pod = |(number, ready): (usize, &bool)| {
            let ready = if *ready { "True" } else { "False" };
            let pod = json!({
                "metadata": {"name": format!("web-{number}")},
                "status": {"conditions": [{"type": "Ready", "status": ready}]},
            });
            Arc::new(serde_json::from_value(pod).unwrap())
        };
        ready.iter().enumerate().map(pod).collect()
    }

    fn counted(spec: Value, status: Value, ready: &[bool], scale: i32) -> [i32; 4] {
        let budget: PodDisruptionBudget =
            serde_json::from_value(json!({"spec": spec, "status": status})).unwrap();
        let pods = pods(ready);
        let seen = Seen {
            pods: &pods,
            scale,
            now: NOW.parse().unwrap(),
        };
        let (status, _) = super::status(&budget, &seen);
        [
            status.expected_pods,
            status.desired_healthy,
            status.current_healthy,
            status.disruptions_allowed,
        ]
        .map(Option::unwrap)
    }

    #[test]
    fn a_budget_is_counted() {
        let since = |time: &str| {
            json!({
                "disruptedPods": {"web-0": time}, "currentHealthy": 0, "desiredHealthy": 0,
                "disruptionsAllowed": 0, "expectedPods": 0,
            })
        };
        let least = |amount: Value| json!({"minAvailable": amount});
        let most = |amount: Value| json!({"maxUnavailable": amount});
        let three = [true; 3];
        let cases = [
            (least(json!(2)), json!(null), &three[..], [3, 2, 3, 1]),
            (least(json!("50%")), json!(null), &three, [3, 2, 3, 1]),
            (most(json!(1)), json!(null), &three, [3, 2, 3, 1]),
            (most(json!("30%")), json!(null), &three, [3, 2, 3, 1]),
            (
                most(json!(1)),
                json!(null),
                &[true, true, false],
                [3, 2, 2, 0],
            ),
            (most(json!(0)), json!(null), &three, [3, 3, 3, 0]),
            (least(json!(5)), json!(null), &three, [3, 5, 3, 0]),
            (least(json!(0)), json!(null), &[], [0, 0, 0, 0]),
            (
                least(json!(1)),
                since("2026-01-01T00:00:00Z"),
                &three,
                [3, 1, 2, 1],
            ),
            (
                least(json!(1)),
                since("2025-12-31T00:00:00Z"),
                &three,
                [3, 1, 3, 2],
            ),
        ];
        for (spec, status, ready, expected) in cases {
            let scale = ready.len() as i32;
            assert_eq!(
                counted(spec.clone(), status, ready, scale),
                expected,
                "{spec}"
            );
        }
    }
}
