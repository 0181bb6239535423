//! What a Deployment asks for, with the defaults of the API.

use std::time::Duration;

use k8s_openapi::api::apps::v1::{Deployment, DeploymentSpec};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// The wanted number of Pods.
pub(super) fn replicas(deployment: &Deployment) -> i32 {
    spec(deployment).and_then(|spec| spec.replicas).unwrap_or(1)
}

/// Whether Pods are replaced bit by bit, not all at once.
pub(super) fn is_rolling(deployment: &Deployment) -> bool {
    let strategy = spec(deployment).and_then(|spec| spec.strategy.as_ref());
    strategy.and_then(|strategy| strategy.type_.as_deref()) != Some("Recreate")
}

/// Whether a rollout is halted.
pub(super) fn is_paused(deployment: &Deployment) -> bool {
    spec(deployment).and_then(|spec| spec.paused) == Some(true)
}

/// How many Pods there may be beyond the wanted number.
pub(super) fn max_surge(deployment: &Deployment) -> i32 {
    if is_rolling(deployment) {
        bounds(deployment).0
    } else {
        0
    }
}

/// How many of the wanted Pods may be missing, never more than are wanted.
pub(super) fn max_unavailable(deployment: &Deployment) -> i32 {
    if is_rolling(deployment) && replicas(deployment) > 0 {
        bounds(deployment).1.min(replicas(deployment))
    } else {
        0
    }
}

/// How long a rollout may stand still, if it is watched at all.
pub(super) fn progress_deadline(deployment: &Deployment) -> Option<Duration> {
    let seconds = spec(deployment)?.progress_deadline_seconds.unwrap_or(600);
    // The greatest number is the API's way to say "never".
    (seconds != i32::MAX).then(|| Duration::from_secs(seconds.unsigned_abs().into()))
}

/// How many ReplicaSets of old revisions are kept, `None` for all.
pub(super) fn revision_history_limit(deployment: &Deployment) -> Option<usize> {
    let limit = spec(deployment)?.revision_history_limit.unwrap_or(10);
    (limit != i32::MAX).then(|| usize::try_from(limit).unwrap_or(0))
}

fn spec(deployment: &Deployment) -> Option<&DeploymentSpec> {
    deployment.spec.as_ref()
}

/// `(maxSurge, maxUnavailable)` in Pods: the first is rounded up, the second down, and they are never both 0,
/// for then nothing could move.
fn bounds(deployment: &Deployment) -> (i32, i32) {
    let rolling = spec(deployment)
        .and_then(|spec| spec.strategy.as_ref())
        .and_then(|strategy| strategy.rolling_update.as_ref());
    let of = replicas(deployment);
    let surge = scaled(
        rolling.and_then(|rolling| rolling.max_surge.as_ref()),
        of,
        true,
    );
    let unavailable = scaled(
        rolling.and_then(|rolling| rolling.max_unavailable.as_ref()),
        of,
        false,
    );
    if surge == 0 && unavailable == 0 {
        return (0, 1);
    }
    (surge, unavailable)
}

/// A count, or a percentage of `of`; 25% by default.
fn scaled(value: Option<&IntOrString>, of: i32, up: bool) -> i32 {
    let percent = match value {
        Some(IntOrString::Int(count)) => return (*count).max(0),
        Some(IntOrString::String(text)) => text
            .strip_suffix('%')
            .and_then(|number| number.parse::<u32>().ok())
            .unwrap_or(0),
        None => 25,
    };
    let hundredths = i64::from(of.max(0)) * i64::from(percent);
    let whole = if up {
        (hundredths + 99) / 100
    } else {
        hundredths / 100
    };
    i32::try_from(whole).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn surge_is_rounded_up_and_unavailable_down() {
        let cases = [
            (10, Value::Null, Value::Null, (3, 2)),
            (3, Value::Null, Value::Null, (1, 0)),
            (1, Value::Null, Value::Null, (1, 0)),
            (10, json!("30%"), json!("0%"), (3, 0)),
            (4, json!(2), json!(1), (2, 1)),
            (4, json!(0), json!("10%"), (0, 1)),
            (2, json!(1), json!(5), (1, 2)),
        ];
        for (replicas, surge, unavailable, expected) in cases {
            let deployment: Deployment = serde_json::from_value(json!({"spec": {
                "replicas": replicas, "selector": {}, "template": {},
                "strategy": {"type": "RollingUpdate",
                    "rollingUpdate": {"maxSurge": surge, "maxUnavailable": unavailable}}}}))
            .unwrap();
            assert_eq!(
                (max_surge(&deployment), max_unavailable(&deployment)),
                expected,
                "{replicas} {surge} {unavailable}"
            );
        }
    }
}
