//! `nodeSelector` and node affinity choose Nodes by their labels.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>

use k8s_openapi::api::core::v1::{self as core, Node, Pod};
use skiff_api::{node_selector_matches, node_selector_term_matches};

use super::{Filter, Prepared, Refusal, Score, normalize};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::{self, NodeInfo};

/// Refuses Nodes that the Pod does not select; prefers those it prefers.
pub(crate) struct NodeAffinity;

impl Filter for NodeAffinity {
    fn name(&self) -> &'static str {
        "NodeAffinity"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        Prepared::check(|node| match selects(&incoming.pod, &node.node) {
            true => Ok(()),
            false => Err(Refusal::for_good(
                "node(s) didn't match Pod's node affinity/selector",
            )),
        })
    }

    fn may_be_helped(&self, pod: &Pod, event: &Event) -> bool {
        matches!(event, Event::Node(node) if selects(pod, node))
    }
}

impl Score for NodeAffinity {
    fn scores(&self, incoming: &Incoming, _: &Cluster, nodes: &[&NodeInfo]) -> Vec<i64> {
        let preferred = affinity(&incoming.pod)
            .and_then(|affinity| {
                affinity
                    .preferred_during_scheduling_ignored_during_execution
                    .as_deref()
            })
            .unwrap_or_default();
        let weigh = |node: &&NodeInfo| {
            let met = preferred.iter().filter(|preference| {
                node_selector_term_matches(&preference.preference, &node.node)
            });
            met.map(|preference| i64::from(preference.weight)).sum()
        };
        let mut scores: Vec<i64> = nodes.iter().map(weigh).collect();
        normalize(&mut scores);
        scores
    }

    fn weight(&self) -> i64 {
        2
    }
}

fn affinity(pod: &Pod) -> Option<&core::NodeAffinity> {
    node_info::affinity(pod)?.node_affinity.as_ref()
}

/// Whether the Pod's selector and its required affinity both take the Node.
pub(crate) fn selects(pod: &Pod, node: &Node) -> bool {
    let selector = pod
        .spec
        .iter()
        .flat_map(|spec| spec.node_selector.iter().flatten());
    let labels = node.metadata.labels.as_ref();
    let by_selector = selector
        .into_iter()
        .all(|(key, value)| labels.and_then(|labels| labels.get(key)) == Some(value));
    let required = affinity(pod).and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    by_selector && required.is_none_or(|required| node_selector_matches(required, node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{cluster, node, pod, refused, scores};
    use serde_json::{Value, json};

    fn ssd(operator: &str) -> Value {
        json!({ "matchExpressions": [{ "key": "disk", "operator": operator, "values": ["ssd"] }] })
    }

    #[test]
    fn a_pod_runs_only_on_nodes_it_selects() {
        let required = |term: Value| {
            json!({ "affinity": { "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [term] } } } })
        };
        let cases = [
            (json!({ "nodeSelector": { "disk": "ssd" } }), true),
            (json!({ "nodeSelector": { "disk": "hdd" } }), false),
            (required(ssd("In")), true),
            (required(ssd("NotIn")), false),
        ];
        for (mut spec, runs) in cases {
            spec["containers"] = json!([]);
            let reasons = refused(&NodeAffinity, pod("p", spec.clone()), node("n", json!({})));
            let words: &[&str] = match runs {
                true => &[],
                false => &["node(s) didn't match Pod's node affinity/selector"],
            };
            assert_eq!(reasons, words, "{spec}");
        }
    }

    #[test]
    fn a_preferred_node_scores_higher() {
        let term = json!({ "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["b"] }] });
        let preferred =
            json!([{ "weight": 5, "preference": term }, { "weight": 5, "preference": ssd("In") }]);
        let affinity = json!({ "nodeAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": preferred } });
        let pod = pod("p", json!({ "containers": [], "affinity": affinity }));
        let nodes = cluster([node("a", json!({})), node("b", json!({}))]);
        assert_eq!(scores(&NodeAffinity, pod, &nodes), [50, 100]);
    }
}
