//! A Pod fits where what it requests is free.

use k8s_openapi::api::core::v1::Pod;

use super::{Filter, Prepared, Refusal, Score};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::NodeInfo;
use crate::resources::{Resources, pod_requests, usual_requests};

/// Refuses Nodes without room; prefers those with the most room (LeastAllocated).
pub(crate) struct NodeResourcesFit;

/// Prefers Nodes on which the shares of CPU and memory in use are alike.
pub(crate) struct BalancedAllocation;

impl Filter for NodeResourcesFit {
    fn name(&self) -> &'static str {
        "NodeResourcesFit"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        let requests = pod_requests(&incoming.pod);
        Prepared::check(move |node| fit(&requests, node))
    }

    fn may_be_helped(&self, _: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(_) | Event::PodGone(_) | Event::PodShrunk)
    }
}

fn fit(requests: &Resources, node: &NodeInfo) -> Result<(), Refusal> {
    let mut reasons = Vec::new();
    let mut is_too_large = false;
    if node.pods.len() as i64 + 1 > node.allocatable.get("pods") {
        reasons.push("Too many pods".to_owned());
    }
    for (name, wanted) in requests.iter() {
        let free = node.allocatable.get(name) - node.requested.get(name);
        if wanted > 0 && wanted > free {
            reasons.push(format!("Insufficient {name}"));
            is_too_large |= wanted > node.allocatable.get(name);
        }
    }
    match reasons.is_empty() {
        true => Ok(()),
        false => Err(Refusal {
            reasons,
            preemption_may_help: !is_too_large,
        }),
    }
}

impl Score for NodeResourcesFit {
    fn scores(&self, incoming: &Incoming, _: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let wanted = usual_requests(&incoming.pod);
        let free = |node: &&NodeInfo| {
            let [cpu, memory] = used_shares(&wanted, node);
            (((1.0 - cpu) + (1.0 - memory)) * 50.0) as i64
        };
        nodes.iter().map(free).collect()
    }

    fn weight(&self) -> i64 {
        1
    }
}

impl Score for BalancedAllocation {
    fn scores(&self, incoming: &Incoming, _: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let wanted = usual_requests(&incoming.pod);
        let balance = |node: &&NodeInfo| {
            let [cpu, memory] = used_shares(&wanted, node);
            // The standard deviation of two shares is half their distance.
            ((1.0 - (cpu - memory).abs() / 2.0) * 100.0) as i64
        };
        nodes.iter().map(balance).collect()
    }

    fn weight(&self) -> i64 {
        1
    }
}

/// The shares of CPU and memory, from 0 to 1, that are in use once the Pod runs there.
fn used_shares(wanted: &Resources, node: &NodeInfo) -> [f64; 2] {
    ["cpu", "memory"].map(|name| {
        let used = node.usual.get(name) + wanted.get(name);
        match node.allocatable.get(name) {
            0 => 1.0,
            all => (used as f64 / all as f64).min(1.0),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, cluster, node, pod, refused, scores};
    use serde_json::json;

    fn asking(cpu: &str, memory: &str) -> Pod {
        let requests = json!({ "cpu": cpu, "memory": memory });
        pod(
            &format!("p{cpu}"),
            json!({ "containers": [{ "name": "c", "resources": { "requests": requests } }] }),
        )
    }

    #[test]
    fn a_pod_fits_where_its_requests_are_free() {
        let half_full = || carrying(node("n", json!({})), [asking("1", "512Mi")]);
        let refused = |pod| refused(&NodeResourcesFit, pod, half_full());
        assert!(refused(asking("1", "512Mi")).is_empty());
        assert_eq!(refused(asking("1100m", "1Mi")), ["Insufficient cpu"]);
        let both = ["Insufficient cpu", "Insufficient memory"];
        assert_eq!(refused(asking("2", "1Gi")), both);
    }

    #[test]
    fn what_is_larger_than_the_node_never_fits() {
        let full = carrying(node("n", json!({})), [asking("2", "1Mi")]);
        for (cpu, may_help) in [("1", true), ("3", false)] {
            let refusal = fit(&pod_requests(&asking(cpu, "1Mi")), &full).expect_err("full");
            assert_eq!(refusal.preemption_may_help, may_help, "{cpu}");
        }
    }

    #[test]
    fn a_node_takes_no_more_pods_than_it_allows() {
        let empty = |name: &str| pod(name, json!({ "containers": [{ "name": "c" }] }));
        let full = carrying(node("n", json!({})), ["a", "b", "c"].map(empty));
        assert_eq!(
            refused(&NodeResourcesFit, empty("d"), full),
            ["Too many pods"]
        );
    }

    #[test]
    fn the_emptier_node_scores_higher() {
        let (busy, idle) = (
            carrying(node("a", json!({})), [asking("1", "512Mi")]),
            node("b", json!({})),
        );
        let nodes = cluster([busy, idle]);
        let scores = scores(&NodeResourcesFit, asking("100m", "10Mi"), &nodes);
        assert!(scores[0] < scores[1], "{scores:?}");
    }
}
