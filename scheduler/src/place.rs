//! Where a Pod goes: a pure function of the Pod and the Nodes.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;

use crate::node_info::NodeInfo;
use crate::plugins::{FILTERS, SCORES};

/// Why a Pod can go nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unschedulable {
    /// How many Nodes there are.
    pub(crate) nodes: usize,
    /// How many Nodes refused it for each reason.
    pub(crate) reasons: BTreeMap<String, usize>,
}

impl Unschedulable {
    /// The message of the `FailedScheduling` event and of the `PodScheduled` condition.
    pub(crate) fn message(&self) -> String {
        if self.nodes == 0 {
            return "no nodes available to schedule pods".to_owned();
        }
        let mut reasons: Vec<String> = self
            .reasons
            .iter()
            .map(|(reason, count)| format!("{count} {reason}"))
            .collect();
        reasons.sort();
        format!(
            "0/{} nodes are available: {}.",
            self.nodes,
            reasons.join(", ")
        )
    }
}

/// The name of the Node that suits the Pod best; of equals, the one that `tie` picks.
///
/// `tie` is any number: different numbers spread equals over the Nodes.
pub(crate) fn place(pod: &Pod, nodes: &[NodeInfo], tie: usize) -> Result<String, Unschedulable> {
    let mut fitting = Vec::new();
    let mut reasons = BTreeMap::new();
    for node in nodes {
        let refusals = refusals(pod, node);
        if refusals.is_empty() {
            fitting.push(node);
        }
        for reason in refusals {
            *reasons.entry(reason).or_insert(0) += 1;
        }
    }
    let totals = total_scores(pod, &fitting);
    let best = totals.iter().copied().max();
    let equals: Vec<&NodeInfo> = fitting
        .iter()
        .zip(&totals)
        .filter(|(_, score)| Some(**score) == best)
        .map(|(node, _)| *node)
        .collect();
    match equals.len() {
        0 => Err(Unschedulable {
            nodes: nodes.len(),
            reasons,
        }),
        count => Ok(equals[tie % count].name().to_owned()),
    }
}

/// The reasons of the first filter that refuses.
fn refusals(pod: &Pod, node: &NodeInfo) -> Vec<String> {
    FILTERS
        .iter()
        .map(|filter| filter.reasons(pod, node))
        .find(|reasons| !reasons.is_empty())
        .unwrap_or_default()
}

fn total_scores(pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64> {
    let mut totals = vec![0; nodes.len()];
    if nodes.len() < 2 {
        return totals;
    }
    for plugin in SCORES {
        for (total, score) in totals.iter_mut().zip(plugin.scores(pod, nodes)) {
            *total += score * plugin.weight();
        }
    }
    totals
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, node, pod};
    use serde_json::json;

    fn asking(name: &str, cpu: &str) -> Pod {
        let resources = json!({ "requests": { "cpu": cpu } });
        pod(
            name,
            json!({ "containers": [{ "name": "c", "resources": resources }] }),
        )
    }

    #[test]
    fn a_pod_goes_to_the_node_with_room() {
        let nodes = [
            carrying(node("a", json!({})), [asking("x", "2")]),
            node("b", json!({})),
        ];
        assert_eq!(place(&asking("p", "1"), &nodes, 7), Ok("b".to_owned()));
    }

    #[test]
    fn equals_take_turns() {
        let nodes = [node("a", json!({})), node("b", json!({}))];
        let placed: Vec<_> = (0..4)
            .map(|tie| place(&asking("p", "1"), &nodes, tie))
            .collect();
        assert_eq!(placed, ["a", "b", "a", "b"].map(|name| Ok(name.to_owned())));
    }

    #[test]
    fn a_pod_without_a_place_is_told_why() {
        let nodes = [
            carrying(node("a", json!({})), [asking("x", "2")]),
            carrying(node("b", json!({})), [asking("y", "2")]),
            node("c", json!({ "unschedulable": true })),
        ];
        let refused = place(&asking("p", "1"), &nodes, 0).expect_err("no room");
        assert_eq!(
            refused.message(),
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu."
        );
        let nowhere = place(&asking("p", "1"), &[], 0).expect_err("no nodes");
        assert_eq!(nowhere.message(), "no nodes available to schedule pods");
    }
}
