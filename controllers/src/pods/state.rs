//! The state of a Pod, as its controllers see it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, PodCondition};

/// The phase, empty if nobody has set it.
pub(crate) fn phase(pod: &Pod) -> &str {
    pod.status
        .as_ref()
        .and_then(|status| status.phase.as_deref())
        .unwrap_or_default()
}

/// The node it is bound to.
pub(crate) fn node_of(pod: &Pod) -> Option<&str> {
    let node = pod.spec.as_ref()?.node_name.as_deref()?;
    (!node.is_empty()).then_some(node)
}

/// Whether all containers have ended for good.
pub(crate) fn is_terminal(pod: &Pod) -> bool {
    matches!(phase(pod), "Succeeded" | "Failed")
}

/// Whether it is being deleted and still has something to stop.
pub(crate) fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some() && !is_terminal(pod)
}

/// Whether it counts towards the wanted replicas.
pub(crate) fn is_active(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && !is_terminal(pod)
}

/// The condition `Ready`.
pub(crate) fn ready_condition(pod: &Pod) -> Option<&PodCondition> {
    pod.status
        .as_ref()?
        .conditions
        .as_ref()?
        .iter()
        .find(|condition| condition.type_ == "Ready")
}

/// Whether the kubelet says that it is ready.
pub(crate) fn is_ready(pod: &Pod) -> bool {
    ready_condition(pod).is_some_and(|condition| condition.status == "True")
}

/// Whether a Pod has been ready for long enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Availability {
    /// It has.
    Available,
    /// It will have after this time, if it stays ready.
    In(Duration),
    /// It is not ready.
    Unready,
}

/// Whether `pod` has been ready for `min_ready_seconds` at `now`.
pub(crate) fn availability(pod: &Pod, min_ready_seconds: i32, now: Timestamp) -> Availability {
    let Some(ready) = ready_condition(pod).filter(|condition| condition.status == "True") else {
        return Availability::Unready;
    };
    if min_ready_seconds <= 0 {
        return Availability::Available;
    }
    let Some(since) = &ready.last_transition_time else {
        return Availability::Unready;
    };
    let wanted = Duration::from_secs(min_ready_seconds.unsigned_abs().into());
    let passed = Duration::try_from(now.duration_since(since.0)).unwrap_or_default();
    match wanted.checked_sub(passed) {
        None | Some(Duration::ZERO) => Availability::Available,
        Some(left) => Availability::In(left),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_available_when_it_was_ready_for_long_enough() {
        let since: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let later = |seconds| since + jiff::SignedDuration::from_secs(seconds);
        let pod = |ready: &str| -> Pod {
            serde_json::from_value(serde_json::json!({"status": {"conditions": [
                {"type": "Ready", "status": ready, "lastTransitionTime": since.to_string()}]}}))
            .unwrap()
        };
        let cases = [
            ("False", 0, later(60), Availability::Unready),
            ("True", 0, since, Availability::Available),
            (
                "True",
                10,
                later(4),
                Availability::In(Duration::from_secs(6)),
            ),
            ("True", 10, later(10), Availability::Available),
            // A clock that stands behind the kubelet's.
            (
                "True",
                10,
                later(-5),
                Availability::In(Duration::from_secs(10)),
            ),
        ];
        for (ready, min_ready_seconds, now, expected) in cases {
            assert_eq!(availability(&pod(ready), min_ready_seconds, now), expected);
        }
    }
}
