//! A cordoned Node takes no new Pods.

use k8s_openapi::api::core::v1::Pod;

use super::Filter;
use super::taint_toleration::tolerates;
use crate::node_info::NodeInfo;

/// Refuses Nodes with `spec.unschedulable`, unless the Pod tolerates the taint that stands for it.
pub(crate) struct NodeUnschedulable;

impl Filter for NodeUnschedulable {
    fn reasons(&self, pod: &Pod, node: &NodeInfo) -> Vec<String> {
        let cordoned = node
            .node
            .spec
            .as_ref()
            .and_then(|spec| spec.unschedulable)
            .unwrap_or(false);
        if cordoned && !tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule") {
            return vec!["node(s) were unschedulable".to_owned()];
        }
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{node, pod};
    use serde_json::json;

    #[test]
    fn a_cordoned_node_takes_only_pods_that_tolerate_it() {
        let cordoned = node("n", json!({ "unschedulable": true }));
        let plain = pod("p", json!({ "containers": [] }));
        let daemon = pod(
            "d",
            json!({ "containers": [], "tolerations": [{ "key": "node.kubernetes.io/unschedulable", "operator": "Exists" }] }),
        );
        assert_eq!(
            NodeUnschedulable.reasons(&plain, &cordoned),
            ["node(s) were unschedulable"]
        );
        assert!(NodeUnschedulable.reasons(&daemon, &cordoned).is_empty());
        assert!(
            NodeUnschedulable
                .reasons(&plain, &node("n", json!({})))
                .is_empty()
        );
    }
}
