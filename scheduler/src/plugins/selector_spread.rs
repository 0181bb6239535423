//! Pods of one owner spread over the Nodes.

use k8s_openapi::api::core::v1::Pod;

use super::{Score, normalize};
use crate::cluster::{Cluster, Incoming};
use crate::node_info::NodeInfo;

/// Prefers Nodes that carry fewer Pods of the same controller.
///
/// It stands for kube-scheduler's default topology spread constraints (by hostname), which find a Pod's siblings by the
/// selectors of its Services and controllers; the controller alone names the same siblings for replicated Pods.
pub(crate) struct SelectorSpread;

impl Score for SelectorSpread {
    fn scores(&self, incoming: &Incoming, _: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let pod = &incoming.pod;
        let Some(owner) = controller_uid(pod).filter(|_| !has_constraints(pod)) else {
            return vec![100; nodes.len()];
        };
        let siblings = |node: &&NodeInfo| {
            node.pods
                .values()
                .filter(|other| controller_uid(other) == Some(owner))
                .count() as i64
        };
        let mut scores: Vec<i64> = nodes.iter().map(siblings).collect();
        normalize(&mut scores);
        scores.iter().map(|crowded| 100 - crowded).collect()
    }

    fn weight(&self) -> i64 {
        2
    }
}

/// A Pod that says itself how it is spread has no default constraints.
fn has_constraints(pod: &Pod) -> bool {
    let spec = pod.spec.as_ref();
    spec.and_then(|spec| spec.topology_spread_constraints.as_ref())
        .is_some_and(|all| !all.is_empty())
}

fn controller_uid(pod: &Pod) -> Option<&str> {
    let owners = pod.metadata.owner_references.iter().flatten();
    owners
        .into_iter()
        .find(|owner| owner.controller == Some(true))
        .map(|owner| owner.uid.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, cluster, node, pod, scores};
    use serde_json::json;

    #[test]
    fn siblings_are_kept_apart() {
        let of = |name: &str, owner: &str| {
            let mut pod = pod(name, json!({ "containers": [] }));
            let reference = json!([{ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": owner, "controller": true }]);
            pod.metadata.owner_references = serde_json::from_value(reference).expect("owners");
            pod
        };
        let crowded = carrying(node("a", json!({})), [of("1", "x"), of("2", "x")]);
        let other = carrying(node("b", json!({})), [of("3", "y")]);
        assert_eq!(
            scores(&SelectorSpread, of("4", "x"), &cluster([crowded, other])),
            [0, 100]
        );
    }
}
