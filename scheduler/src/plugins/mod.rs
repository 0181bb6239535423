//! The rules of placement, one file each, named as the plugins of kube-scheduler
//! (<https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins>).

use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::NodeInfo;

mod affinity_term;
mod image_locality;
mod inter_pod_affinity;
mod node_affinity;
mod node_name;
mod node_ports;
mod node_resources_fit;
mod node_unschedulable;
mod pod_topology_spread;
mod selector_spread;
mod taint_toleration;
mod volume_binding;
mod volume_restrictions;

/// Why a Node will not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// In the words of `FailedScheduling`.
    pub(crate) reasons: Vec<String>,
    /// Whether it may do once Pods have left it.
    pub(crate) preemption_may_help: bool,
}

impl Refusal {
    /// As long as its Pods are there.
    pub(crate) fn for_now(reasons: Vec<String>) -> Self {
        Self {
            reasons,
            preemption_may_help: true,
        }
    }

    /// Whatever leaves it.
    pub(crate) fn for_good(reason: impl Into<String>) -> Self {
        Self {
            reasons: vec![reason.into()],
            preemption_may_help: false,
        }
    }
}

/// What a filter says of a Node.
pub(crate) type Check<'a> = Box<dyn Fn(&NodeInfo) -> Result<(), Refusal> + 'a>;

/// What a filter says of a Pod before it has looked at a Node.
pub(crate) enum Prepared<'a> {
    /// It has no say on this Pod.
    Skip,
    /// No Node will do, for that reason.
    Nowhere(String),
    /// It looks at each Node.
    Check(Check<'a>),
}

impl<'a> Prepared<'a> {
    pub(crate) fn check(check: impl Fn(&NodeInfo) -> Result<(), Refusal> + 'a) -> Self {
        Prepared::Check(Box::new(check))
    }
}

/// Says whether a Pod may run on a Node.
pub(crate) trait Filter: Sync {
    /// The name of the plugin.
    fn name(&self) -> &'static str;
    /// Looks at the Pod and the whole cluster, once.
    fn prepare<'a>(&self, incoming: &'a Incoming, cluster: &'a Cluster) -> Prepared<'a>;
    /// Whether the event may change what this filter said of the Pod (a queueing hint, KEP-4247).
    fn may_be_helped(&self, incoming: &k8s_openapi::api::core::v1::Pod, event: &Event) -> bool;
}

/// Says how well a Node suits a Pod.
pub(crate) trait Score: Sync {
    /// From 0 to 100, for each of the Nodes that passed the filters.
    fn scores(&self, incoming: &Incoming, cluster: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64>;
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
    &volume_restrictions::VolumeRestrictions,
    &volume_binding::VolumeBinding,
    &pod_topology_spread::PodTopologySpread,
    &inter_pod_affinity::InterPodAffinity,
];

/// The scores that are added up.
pub(crate) const SCORES: &[&dyn Score] = &[
    &taint_toleration::TaintToleration,
    &node_affinity::NodeAffinity,
    &node_resources_fit::NodeResourcesFit,
    &node_resources_fit::BalancedAllocation,
    &image_locality::ImageLocality,
    &pod_topology_spread::PodTopologySpread,
    &selector_spread::SelectorSpread,
    &inter_pod_affinity::InterPodAffinity,
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

/// Scales scores so that the least is 0 and the greatest 100; equal ones are all 0.
pub(crate) fn stretch(scores: &mut [i64]) {
    let least = scores.iter().copied().min().unwrap_or(0);
    scores.iter_mut().for_each(|score| *score -= least);
    normalize(scores);
}

#[cfg(test)]
pub(crate) mod fixtures {
    use std::sync::Arc;

    use k8s_openapi::api::core::v1::Pod;
    use serde_json::{Value, json};

    use super::{Filter, Prepared, Score};
    use crate::cluster::{Cluster, Incoming};
    use crate::node_info::NodeInfo;
    use crate::volumes::PodVolumes;

    pub(crate) fn pod(name: &str, spec: Value) -> Pod {
        let object = json!({ "metadata": { "name": name, "namespace": "default", "labels": { "app": "web" } }, "spec": spec });
        serde_json::from_value(object).expect("a Pod")
    }

    pub(crate) fn labelled(name: &str, app: &str, mut spec: Value) -> Pod {
        if spec["containers"].is_null() {
            spec["containers"] = json!([]);
        }
        let mut pod = pod(name, spec);
        pod.metadata.labels = Some([("app".to_owned(), app.to_owned())].into());
        pod
    }

    pub(crate) fn incoming(pod: Pod) -> Incoming {
        Incoming {
            pod: Arc::new(pod),
            volumes: PodVolumes::default(),
        }
    }

    pub(crate) fn node(name: &str, spec: Value) -> NodeInfo {
        in_zone(name, "", spec)
    }

    pub(crate) fn in_zone(name: &str, zone: &str, spec: Value) -> NodeInfo {
        let mut labels = json!({ "kubernetes.io/hostname": name, "disk": "ssd", "cores": "4" });
        if !zone.is_empty() {
            labels["zone"] = zone.into();
        }
        let object = json!({
            "metadata": { "name": name, "labels": labels },
            "spec": spec,
            "status": { "allocatable": { "cpu": "2", "memory": "1Gi", "pods": "3" } },
        });
        NodeInfo::new(Arc::new(serde_json::from_value(object).expect("a Node")))
    }

    pub(crate) fn carrying(mut node: NodeInfo, pods: impl IntoIterator<Item = Pod>) -> NodeInfo {
        pods.into_iter().for_each(|pod| node.add(Arc::new(pod)));
        node
    }

    pub(crate) fn cluster(nodes: impl IntoIterator<Item = NodeInfo>) -> Cluster {
        Cluster {
            nodes: nodes.into_iter().map(Arc::new).collect(),
            ..Cluster::default()
        }
    }

    /// Why the filter refuses each Node of the cluster; empty reasons where it does not.
    pub(crate) fn refusals(
        filter: &dyn Filter,
        incoming: &Incoming,
        cluster: &Cluster,
    ) -> Vec<Vec<String>> {
        match filter.prepare(incoming, cluster) {
            Prepared::Skip => vec![Vec::new(); cluster.nodes.len()],
            Prepared::Nowhere(why) => vec![vec![why]; cluster.nodes.len()],
            Prepared::Check(check) => {
                let reasons = |node: &Arc<NodeInfo>| match check(node) {
                    Ok(()) => Vec::new(),
                    Err(refusal) => refusal.reasons,
                };
                cluster.nodes.iter().map(reasons).collect()
            }
        }
    }

    /// Why the filter refuses the one Node for the Pod.
    pub(crate) fn refused(filter: &dyn Filter, pod: Pod, node: NodeInfo) -> Vec<String> {
        refusals(filter, &incoming(pod), &cluster([node])).remove(0)
    }

    pub(crate) fn scores(score: &dyn Score, pod: Pod, cluster: &Cluster) -> Vec<i64> {
        let nodes: Vec<&NodeInfo> = cluster.nodes.iter().map(|node| &**node).collect();
        score.scores(&incoming(pod), cluster, &nodes)
    }
}
