//! `nodeSelector` and node affinity choose Nodes by their labels.
//! <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/>

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{self as core, NodeSelectorRequirement, NodeSelectorTerm, Pod};

use super::{Filter, Score, normalize};
use crate::node_info::NodeInfo;

/// Refuses Nodes that the Pod does not select; prefers those it prefers.
pub(crate) struct NodeAffinity;

impl Filter for NodeAffinity {
    fn reasons(&self, pod: &Pod, node: &NodeInfo) -> Vec<String> {
        if selects(pod, node) {
            return Vec::new();
        }
        vec!["node(s) didn't match Pod's node affinity/selector".to_owned()]
    }
}

impl Score for NodeAffinity {
    fn scores(&self, pod: &Pod, nodes: &[&NodeInfo]) -> Vec<i64> {
        let preferred = affinity(pod)
            .and_then(|affinity| {
                affinity
                    .preferred_during_scheduling_ignored_during_execution
                    .as_deref()
            })
            .unwrap_or_default();
        let weigh = |node: &&NodeInfo| {
            let met = preferred
                .iter()
                .filter(|preference| term_matches(&preference.preference, node));
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
    pod.spec.as_ref()?.affinity.as_ref()?.node_affinity.as_ref()
}

fn selects(pod: &Pod, node: &NodeInfo) -> bool {
    let selector = pod
        .spec
        .iter()
        .flat_map(|spec| spec.node_selector.iter().flatten());
    let by_selector = selector
        .into_iter()
        .all(|(key, value)| labels(node).get(key) == Some(value));
    let required = affinity(pod).and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    let by_affinity = required.is_none_or(|required| {
        required
            .node_selector_terms
            .iter()
            .any(|term| term_matches(term, node))
    });
    by_selector && by_affinity
}

fn labels(node: &NodeInfo) -> &BTreeMap<String, String> {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    node.node.metadata.labels.as_ref().unwrap_or(&NONE)
}

/// All requirements of a term must hold; a term without any matches nothing.
fn term_matches(term: &NodeSelectorTerm, node: &NodeInfo) -> bool {
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let by_label = expressions
        .iter()
        .all(|wanted| requirement_holds(wanted, labels(node).get(&wanted.key).map(String::as_str)));
    // metadata.name is the only field that may stand here (core/v1 NodeSelectorTerm.matchFields).
    let by_field = fields.iter().all(|wanted| {
        requirement_holds(
            wanted,
            (wanted.key == "metadata.name").then_some(node.name()),
        )
    });
    by_label && by_field
}

fn requirement_holds(wanted: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = wanted.values.as_deref().unwrap_or_default();
    let is_in = value.is_some_and(|value| values.iter().any(|wanted| wanted == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let bound = values.first().and_then(|bound| number(bound));
    match wanted.operator.as_str() {
        "In" => is_in,
        "NotIn" => !is_in,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => {
            matches!((value.and_then(number), bound), (Some(value), Some(bound)) if value > bound)
        }
        "Lt" => {
            matches!((value.and_then(number), bound), (Some(value), Some(bound)) if value < bound)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{node, pod};
    use serde_json::{Value, json};

    fn required(requirement: Value) -> Value {
        json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{ "matchExpressions": [requirement] }] } } })
    }

    #[test]
    fn a_pod_runs_only_on_nodes_it_selects() {
        let node = node("n", json!({}));
        let cases = [
            (json!({ "nodeSelector": { "disk": "ssd" } }), true),
            (json!({ "nodeSelector": { "disk": "hdd" } }), false),
            (
                json!({ "affinity": required(json!({ "key": "disk", "operator": "In", "values": ["ssd", "nvme"] })) }),
                true,
            ),
            (
                json!({ "affinity": required(json!({ "key": "disk", "operator": "NotIn", "values": ["ssd"] })) }),
                false,
            ),
            (
                json!({ "affinity": required(json!({ "key": "zone", "operator": "NotIn", "values": ["a"] })) }),
                true,
            ),
            (
                json!({ "affinity": required(json!({ "key": "zone", "operator": "Exists" })) }),
                false,
            ),
            (
                json!({ "affinity": required(json!({ "key": "zone", "operator": "DoesNotExist" })) }),
                true,
            ),
            (
                json!({ "affinity": required(json!({ "key": "cores", "operator": "Gt", "values": ["3"] })) }),
                true,
            ),
            (
                json!({ "affinity": required(json!({ "key": "cores", "operator": "Lt", "values": ["4"] })) }),
                false,
            ),
        ];
        for (mut spec, runs) in cases {
            spec["containers"] = json!([]);
            let reasons = NodeAffinity.reasons(&pod("p", spec.clone()), &node);
            assert_eq!(reasons.is_empty(), runs, "{spec}");
        }
    }

    #[test]
    fn a_term_of_a_field_names_the_node() {
        let term = json!({ "nodeAffinity": { "requiredDuringSchedulingIgnoredDuringExecution": { "nodeSelectorTerms": [
            { "matchFields": [{ "key": "metadata.name", "operator": "In", "values": ["a"] }] }] } } });
        let pod = pod("p", json!({ "containers": [], "affinity": term }));
        assert!(NodeAffinity.reasons(&pod, &node("a", json!({}))).is_empty());
        assert_eq!(
            NodeAffinity.reasons(&pod, &node("b", json!({}))),
            ["node(s) didn't match Pod's node affinity/selector"]
        );
    }
}
