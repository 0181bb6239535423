//! The taints that follow from a node's state
//! (<https://kubernetes.io/docs/reference/labels-annotations-taints/#node-kubernetes-io-not-ready>).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Taint};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::plan::{Readiness, readiness};

const NOT_READY: &str = "node.kubernetes.io/not-ready";
const UNREACHABLE: &str = "node.kubernetes.io/unreachable";
const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";
/// Conditions that keep new Pods away while they are `True`.
const PRESSURES: [(&str, &str); 4] = [
    ("MemoryPressure", "node.kubernetes.io/memory-pressure"),
    ("DiskPressure", "node.kubernetes.io/disk-pressure"),
    ("PIDPressure", "node.kubernetes.io/pid-pressure"),
    (
        "NetworkUnavailable",
        "node.kubernetes.io/network-unavailable",
    ),
];

/// The taints that a node should have, `None` if it has them. `evicts` says whether lost nodes lose their Pods.
pub(super) fn plan(node: &Node, evicts: bool, now: Timestamp) -> Option<Vec<Taint>> {
    let wanted = wanted(node, evicts);
    let existing = existing(node);
    let is =
        |taint: &Taint, (key, effect): (&str, &str)| taint.key == key && taint.effect == effect;
    let mut taints: Vec<Taint> = existing
        .iter()
        .filter(|taint| !is_ours(taint) || wanted.iter().any(|one| is(taint, *one)))
        .cloned()
        .collect();
    for (key, effect) in &wanted {
        if !taints.iter().any(|taint| is(taint, (key, effect))) {
            taints.push(Taint {
                key: (*key).to_owned(),
                effect: (*effect).to_owned(),
                time_added: Some(Time(now)),
                value: None,
            });
        }
    }
    (taints != existing).then_some(taints)
}

fn wanted(node: &Node, evicts: bool) -> Vec<(&'static str, &'static str)> {
    let lost = match readiness(node) {
        Readiness::False => Some(NOT_READY),
        Readiness::Unknown => Some(UNREACHABLE),
        Readiness::True | Readiness::Unset => None,
    };
    let mut wanted: Vec<_> = lost.map(|key| (key, "NoSchedule")).into_iter().collect();
    wanted.extend(lost.filter(|_| evicts).map(|key| (key, "NoExecute")));
    for (condition, key) in PRESSURES {
        if super::plan::condition(node, condition)
            .is_some_and(|condition| condition.status == "True")
        {
            wanted.push((key, "NoSchedule"));
        }
    }
    if node.spec.as_ref().and_then(|spec| spec.unschedulable) == Some(true) {
        wanted.push((UNSCHEDULABLE, "NoSchedule"));
    }
    wanted
}

/// Whether this controller alone says whether the taint is there.
fn is_ours(taint: &Taint) -> bool {
    let key = taint.key.as_str();
    let lost = key == NOT_READY || key == UNREACHABLE;
    match taint.effect.as_str() {
        "NoExecute" => lost,
        "NoSchedule" => {
            lost || key == UNSCHEDULABLE || PRESSURES.iter().any(|(_, pressure)| *pressure == key)
        }
        _ => false,
    }
}

fn existing(node: &Node) -> &[Taint] {
    node.spec
        .as_ref()
        .and_then(|spec| spec.taints.as_deref())
        .unwrap_or_default()
}

/// The taints for which Pods must leave.
pub(super) fn no_execute(node: &Node) -> Vec<Taint> {
    existing(node)
        .iter()
        .filter(|taint| taint.effect == "NoExecute")
        .cloned()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn shown(node: Value, evicts: bool) -> Option<Vec<String>> {
        let node: Node = serde_json::from_value(node).unwrap();
        let taints = plan(&node, evicts, Timestamp::UNIX_EPOCH)?;
        Some(
            taints
                .iter()
                .map(|taint| format!("{}:{}", taint.key, taint.effect))
                .collect(),
        )
    }

    fn node(ready: &str, taints: Value) -> Value {
        json!({"spec": {"taints": taints}, "status": {"conditions": [{"type": "Ready", "status": ready}]}})
    }

    #[test]
    fn a_lost_node_is_tainted_until_it_returns() {
        let own = json!({"key": "gpu", "effect": "NoSchedule"});
        let not_ready = json!({"key": NOT_READY, "effect": "NoExecute"});
        let cases = [
            (node("True", json!(null)), true, None),
            (
                node("Unknown", json!([own])),
                true,
                Some(vec![
                    "gpu:NoSchedule",
                    "node.kubernetes.io/unreachable:NoSchedule",
                    "node.kubernetes.io/unreachable:NoExecute",
                ]),
            ),
            (
                node("Unknown", json!(null)),
                false,
                Some(vec!["node.kubernetes.io/unreachable:NoSchedule"]),
            ),
            (
                node("False", json!([not_ready])),
                true,
                Some(vec![
                    "node.kubernetes.io/not-ready:NoExecute",
                    "node.kubernetes.io/not-ready:NoSchedule",
                ]),
            ),
            (
                node("True", json!([own, not_ready])),
                true,
                Some(vec!["gpu:NoSchedule"]),
            ),
        ];
        for (node, evicts, expected) in cases {
            let expected =
                expected.map(|taints| taints.into_iter().map(str::to_owned).collect::<Vec<_>>());
            assert_eq!(shown(node.clone(), evicts), expected, "{node}");
        }
    }

    #[test]
    fn cordon_and_pressure_keep_new_pods_away() {
        let node = json!({"spec": {"unschedulable": true},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]}});
        assert_eq!(
            shown(node, true).unwrap(),
            [
                "node.kubernetes.io/disk-pressure:NoSchedule",
                "node.kubernetes.io/unschedulable:NoSchedule"
            ]
        );
    }
}
