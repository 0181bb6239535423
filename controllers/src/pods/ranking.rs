//! Which Pods go first when there are too many
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/#scaling-a-replicaset>).

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;

use super::{is_ready, node_of, phase, ready_condition};
use crate::ownership::uid_of;

/// The wish of users to keep a Pod for longer than others.
const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Sorts so that the first is to be deleted first. `neighbours` counts related Pods by node.
pub(crate) fn first_to_delete_first(
    pods: &mut [Arc<Pod>],
    neighbours: &HashMap<String, usize>,
    now: Timestamp,
) {
    pods.sort_by(|a, b| compare(a, b, neighbours, now));
}

fn compare(a: &Pod, b: &Pod, neighbours: &HashMap<String, usize>, now: Timestamp) -> Ordering {
    let near = |pod| node_of(pod).and_then(|node| neighbours.get(node)).copied();
    node_of(a)
        .is_some()
        .cmp(&node_of(b).is_some())
        .then_with(|| phase_rank(a).cmp(&phase_rank(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
        .then_with(|| cost(a).cmp(&cost(b)))
        .then_with(|| near(b).cmp(&near(a)))
        .then_with(|| age_rank(ready_since(a), now).cmp(&age_rank(ready_since(b), now)))
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| age_rank(created(a), now).cmp(&age_rank(created(b), now)))
        .then_with(|| uid_of(a).cmp(uid_of(b)))
}

fn phase_rank(pod: &Pod) -> u8 {
    match phase(pod) {
        "Pending" => 0,
        "Unknown" => 1,
        _ => 2,
    }
}

fn cost(pod: &Pod) -> i32 {
    pod.annotations()
        .get(DELETION_COST)
        .and_then(|cost| cost.parse().ok())
        .unwrap_or(0)
}

fn ready_since(pod: &Pod) -> Option<Timestamp> {
    let ready = ready_condition(pod).filter(|condition| condition.status == "True")?;
    ready.last_transition_time.as_ref().map(|time| time.0)
}

fn created(pod: &Pod) -> Option<Timestamp> {
    pod.metadata.creation_timestamp.as_ref().map(|time| time.0)
}

fn restarts(pod: &Pod) -> i32 {
    let statuses = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    statuses
        .into_iter()
        .flatten()
        .map(|container| container.restart_count)
        .max()
        .unwrap_or(0)
}

/// Ages compare on a logarithmic scale (KEP-2185); of equals chance decides, that is the uid, and last of all: an order
/// with the uid anywhere else would have circles, for which sorting panics.
fn age_rank(since: Option<Timestamp>, now: Timestamp) -> Option<u32> {
    since.map(|since| {
        u64::try_from(now.duration_since(since).as_nanos()).map_or(0, |ns| ns.max(1).ilog2())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(overrides: Value) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": {"uid": "m", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"nodeName": "n1", "containers": []},
            "status": {"phase": "Running", "conditions": [
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}]},
        });
        merge(&mut pod, overrides);
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn merge(into: &mut Value, from: Value) {
        match (into, from) {
            (Value::Object(into), Value::Object(from)) => {
                for (key, value) in from {
                    merge(into.entry(key).or_insert(Value::Null), value);
                }
            }
            (into, from) => *into = from,
        }
    }

    #[test]
    fn the_least_useful_pod_goes_first() {
        let now = "2026-01-02T00:00:00Z".parse().unwrap();
        let ready = |status: &str, since: &str| json!({"status": {"conditions": [{"type": "Ready", "status": status, "lastTransitionTime": since}]}});
        let cases = [
            ("unassigned", json!({"spec": {"nodeName": null}})),
            ("pending", json!({"status": {"phase": "Pending"}})),
            ("not ready", ready("False", "2026-01-01T00:00:00Z")),
            (
                "cheaper",
                json!({"metadata": {"annotations": {DELETION_COST: "-1"}}}),
            ),
            ("crowded", json!({"spec": {"nodeName": "crowded"}})),
            (
                "ready for a shorter time",
                ready("True", "2026-01-01T23:00:00Z"),
            ),
            (
                "restarted",
                json!({"status": {"containerStatuses": [
                {"name": "c", "restartCount": 3, "ready": true, "image": "", "imageID": ""}]}}),
            ),
            (
                "younger",
                json!({"metadata": {"creationTimestamp": "2026-01-01T23:00:00Z"}}),
            ),
            (
                "about as old, but less in uid",
                json!({"metadata": {"uid": "a", "creationTimestamp": "2026-01-01T00:00:01Z"}}),
            ),
        ];
        let neighbours = HashMap::from([("n1".to_owned(), 1), ("crowded".to_owned(), 2)]);
        for (why, overrides) in cases {
            let first = pod(overrides);
            for mut pods in [
                [first.clone(), pod(json!({}))],
                [pod(json!({})), first.clone()],
            ] {
                first_to_delete_first(&mut pods, &neighbours, now);
                assert_eq!(pods[0], first, "{why}");
            }
        }
    }

    #[test]
    fn the_order_has_no_circles() {
        let now = "2026-01-02T00:00:00Z".parse().unwrap();
        let pods: Vec<Arc<Pod>> = (0..60)
            .map(|index| {
                // Times within one step of the scale, some the same, and uids that run against them.
                let since = format!("2026-01-01T00:00:{:02}Z", index * 7 % 20);
                let created = format!("2026-01-01T00:00:{:02}Z", index * 3 % 11);
                pod(json!({
                    "metadata": {"uid": format!("{:02}", index * 37 % 60), "creationTimestamp": created},
                    "status": {"conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": since}]},
                }))
            })
            .collect();
        let before =
            |a: &Arc<Pod>, b: &Arc<Pod>| compare(a, b, &HashMap::new(), now) == Ordering::Less;
        for a in &pods {
            for b in &pods {
                for c in &pods {
                    assert!(
                        !(before(a, b) && before(b, c)) || before(a, c),
                        "{a:?} {b:?} {c:?}"
                    );
                }
            }
        }
    }
}
