//! What the conditions of a node say, and what they are to say when it is silent.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// The condition `Ready` of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Readiness {
    True,
    False,
    Unknown,
    /// The node has no such condition yet.
    Unset,
}

/// The conditions that only a living kubelet can vouch for.
const VOUCHED: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// The condition of that type.
pub(super) fn condition<'a>(node: &'a Node, type_: &str) -> Option<&'a NodeCondition> {
    let conditions = node.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the node is ready, as far as is known.
pub(super) fn readiness(node: &Node) -> Readiness {
    match condition(node, "Ready").map(|ready| ready.status.as_str()) {
        Some("True") => Readiness::True,
        Some("False") => Readiness::False,
        Some(_) => Readiness::Unknown,
        None => Readiness::Unset,
    }
}

/// When the kubelet last wrote the node's status.
pub(super) fn last_heartbeat(node: &Node) -> Option<Timestamp> {
    condition(node, "Ready")?
        .last_heartbeat_time
        .as_ref()
        .map(|time| time.0)
}

/// The conditions to write for a node that is silent: all that its kubelet vouched for are unknown now.
pub(super) fn unknown(node: &Node, now: Timestamp) -> Vec<NodeCondition> {
    VOUCHED
        .iter()
        .filter_map(|type_| match condition(node, type_) {
            Some(known) if known.status == "Unknown" => None,
            known => Some(make_unknown(type_, known, node, now)),
        })
        .collect()
}

fn make_unknown(
    type_: &str,
    known: Option<&NodeCondition>,
    node: &Node,
    now: Timestamp,
) -> NodeCondition {
    let (reason, message) = if known.is_some() {
        ("NodeStatusUnknown", "Kubelet stopped posting node status.")
    } else {
        (
            "NodeStatusNeverUpdated",
            "Kubelet never posted node status.",
        )
    };
    let last_seen = known.and_then(|known| known.last_heartbeat_time.clone());
    NodeCondition {
        type_: type_.to_owned(),
        status: "Unknown".to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: last_seen.or_else(|| node.metadata.creation_timestamp.clone()),
        last_transition_time: Some(Time(now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_silent_node_is_unknown_once() {
        let heard = "2026-01-01T00:00:00Z";
        let mut node: Node = serde_json::from_value(json!({"status": {"conditions": [
            {"type": "Ready", "status": "True", "lastHeartbeatTime": heard},
            {"type": "DiskPressure", "status": "False", "lastHeartbeatTime": heard}]}}))
        .unwrap();
        let now: Timestamp = "2026-01-01T00:00:40Z".parse().unwrap();
        let told = unknown(&node, now);
        let shown: Vec<String> = told
            .iter()
            .map(|one| {
                format!(
                    "{} {} {}",
                    one.type_,
                    one.reason.as_ref().unwrap(),
                    one.message.as_ref().unwrap()
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "Ready NodeStatusUnknown Kubelet stopped posting node status.",
                "MemoryPressure NodeStatusNeverUpdated Kubelet never posted node status.",
                "DiskPressure NodeStatusUnknown Kubelet stopped posting node status.",
                "PIDPressure NodeStatusNeverUpdated Kubelet never posted node status.",
            ]
        );
        assert_eq!(
            told[0].last_heartbeat_time,
            Some(Time(heard.parse().unwrap()))
        );
        node.status.as_mut().unwrap().conditions = Some(told);
        assert_eq!(
            (readiness(&node), unknown(&node, now)),
            (Readiness::Unknown, vec![])
        );
    }
}
