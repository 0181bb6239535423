//! The rules of placement, one file each, named as the plugins of kube-scheduler
//! (<https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins>).

use k8s_openapi::api::core::v1::Pod;

use crate::node_info::NodeInfo;

mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_fit;
mod node_unschedulable;
mod selector_spread;
mod taint_toleration;

/// Says whether a Pod may run on a Node.
pub(crate) trait Filter: Sync {
    /// Why it may not, in the words of `FailedScheduling`; empty if it may.
    fn reasons(&self, pod: &Pod, node: &NodeInfo) -> Vec<String>;
}

/// Says how well a Node suits a Pod.
pub(crate) trait Score: Sync {
    /// From 0 to 100, for each of the Nodes that passed the filters.
    fn scores(&self, pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64>;
    /// How much it counts beside the others.
    fn weight(&self) -> i64;
}

/// The filters, in the order in which the first refusal is reported.
pub(crate) const FILTERS: &[&dyn Filter] = &[
    &node_unschedulable::NodeUnschedulable,
    &node_name::NodeName,
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_ports::NodePorts,
    &node_resources_fit::NodeResourcesFit,
];

/// The scores that are added up.
pub(crate) const SCORES: &[&dyn Score] = &[
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_resources_fit::NodeResourcesFit,
    &node_resources_fit::BalancedAllocation,
    &selector_spread::SelectorSpread,
];

/// Scales scores so that the greatest is 100; all 0 stays 0.
pub(crate) fn normalize(scores: &mut [i64]) {
    let greatest = scores.iter().copied().max().unwrap_or(0);
    if greatest > 0 {
        for score in scores {
            *score = *score * 100 / greatest;
        }
    }
}

#[cfg(test)]
pub(crate) mod fixtures {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use crate::node_info::NodeInfo;

    pub(crate) fn pod(name: &str, spec: Value) -> Pod {
        let object = json!({ "metadata": { "name": name, "namespace": "default", "labels": { "app": "web" } }, "spec": spec });
        serde_json::from_value(object).expect("a Pod")
    }

    pub(crate) fn node(name: &str, spec: Value) -> NodeInfo {
        let object = json!({
            "metadata": { "name": name, "labels": { "kubernetes.io/hostname": name, "disk": "ssd", "cores": "4" } },
            "spec": spec,
            "status": { "allocatable": { "cpu": "2", "memory": "1Gi", "pods": "3" } },
        });
        NodeInfo::new(Arc::new(serde_json::from_value(object).expect("a Node")))
    }

    pub(crate) fn carrying(mut node: NodeInfo, pods: impl IntoIterator<Item = Pod>) -> NodeInfo {
        pods.into_iter().for_each(|pod| node.add(Arc::new(pod)));
        node
    }
}
