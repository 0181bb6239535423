//! A Pod fits where what it requests is free.

use k8s_openapi::api::core::v1::Pod;

use super::{Filter, Score};
use crate::node_info::NodeInfo;
use crate::resources::pod_requests;

/// Refuses Nodes without room; prefers those with the most room (LeastAllocated).
pub(crate) struct NodeResourcesFit;

/// Prefers Nodes on which the shares of CPU and memory in use are alike.
pub(crate) struct BalancedAllocation;

impl Filter for NodeResourcesFit {
    fn reasons(&self, pod: &Pod, node: &NodeInfo) -> Vec<String> {
        let mut reasons = Vec::new();
        if node.pods.len() as i64 + 1 > node.allocatable.get("pods") {
            reasons.push("Too many pods".to_owned());
        }
        for (name, wanted) in pod_requests(pod).iter() {
            let free = node.allocatable.get(name) - node.requested.get(name);
            if wanted > 0 && wanted > free {
                reasons.push(format!("Insufficient {name}"));
            }
        }
        reasons
    }
}

impl Score for NodeResourcesFit {
    fn scores(&self, pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64> {
        let free = |node: &&NodeInfo| {
            let [cpu, memory] = used_shares(pod, node);
            (((1.0 - cpu) + (1.0 - memory)) * 50.0) as i64
        };
        nodes.iter().map(free).collect()
    }

    fn weight(&self) -> i64 {
        1
    }
}

impl Score for BalancedAllocation {
    fn scores(&self, pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64> {
        let balance = |node: &&NodeInfo| {
            let [cpu, memory] = used_shares(pod, node);
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
///
/// A container without requests counts as 100m and 200 MB, so that Pods without any spread as well
/// (kube-scheduler's DefaultMilliCPURequest and DefaultMemoryRequest).
fn used_shares(pod: &Pod, node: &NodeInfo) -> [f64; 2] {
    const UNSTATED: [(&str, i64); 2] = [("cpu", 100), ("memory", 200 * 1024 * 1024)];
    UNSTATED.map(|(name, unstated)| {
        let counted = |pod: &Pod| match pod_requests(pod).get(name) {
            0 => {
                unstated
                    * pod
                        .spec
                        .as_ref()
                        .map_or(0, |spec| spec.containers.len() as i64)
            }
            stated => stated,
        };
        let used: i64 = node.pods.values().map(|pod| counted(pod)).sum::<i64>() + counted(pod);
        let all = node.allocatable.get(name);
        if all == 0 {
            1.0
        } else {
            (used as f64 / all as f64).min(1.0)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, node, pod};
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
        assert!(
            NodeResourcesFit
                .reasons(&asking("1", "512Mi"), &half_full())
                .is_empty()
        );
        assert_eq!(
            NodeResourcesFit.reasons(&asking("1100m", "1Mi"), &half_full()),
            ["Insufficient cpu"]
        );
        assert_eq!(
            NodeResourcesFit.reasons(&asking("2", "1Gi"), &half_full()),
            ["Insufficient cpu", "Insufficient memory"]
        );
    }

    #[test]
    fn a_node_takes_no_more_pods_than_it_allows() {
        let empty = |name: &str| pod(name, json!({ "containers": [{ "name": "c" }] }));
        let full = carrying(node("n", json!({})), ["a", "b", "c"].map(empty));
        assert_eq!(
            NodeResourcesFit.reasons(&empty("d"), &full),
            ["Too many pods"]
        );
    }

    #[test]
    fn the_emptier_node_scores_higher() {
        let (busy, idle) = (
            carrying(node("a", json!({})), [asking("1", "512Mi")]),
            node("b", json!({})),
        );
        let scores = NodeResourcesFit.scores(&asking("100m", "10Mi"), &[&busy, &idle]);
        assert!(scores[0] < scores[1], "{scores:?}");
    }
}
