//! A cordoned Node takes no new Pods.

use k8s_openapi::api::core::v1::{Node, Pod};

use super::taint_toleration::tolerates;
use super::{Filter, Prepared, Refusal};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;

/// Refuses Nodes with `spec.unschedulable`, unless the Pod tolerates the taint that stands for it.
pub(crate) struct NodeUnschedulable;

impl Filter for NodeUnschedulable {
    fn name(&self) -> &'static str {
        "NodeUnschedulable"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        if goes_to_cordoned(&incoming.pod) {
            return Prepared::Skip;
        }
        Prepared::check(|node| match is_cordoned(&node.node) {
            true => Err(Refusal::for_good("node(s) were unschedulable")),
            false => Ok(()),
        })
    }

    fn may_be_helped(&self, _: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(node) if !is_cordoned(node))
    }
}

fn is_cordoned(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    spec.and_then(|spec| spec.unschedulable) == Some(true)
}

fn goes_to_cordoned(pod: &Pod) -> bool {
    tolerates(pod, "node.kubernetes.io/unschedulable", "", "NoSchedule")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{node, pod, refused};
    use serde_json::json;

    #[test]
    fn a_cordoned_node_takes_only_pods_that_tolerate_it() {
        let cordoned = node("n", json!({ "unschedulable": true }));
        let plain = pod("p", json!({ "containers": [] }));
        let daemon = pod(
            "d",
            json!({ "containers": [], "tolerations": [{ "key": "node.kubernetes.io/unschedulable", "operator": "Exists" }] }),
        );
        let free = || node("n", json!({}));
        let refused_by = |pod, node| refused(&NodeUnschedulable, pod, node);
        let words = ["node(s) were unschedulable"];
        assert_eq!(refused_by(plain.clone(), cordoned.clone()), words);
        assert!(refused_by(daemon, cordoned).is_empty());
        assert!(refused_by(plain, free()).is_empty());
    }
}
