//! Node selectors: which Nodes, by their labels or their name
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity>).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, VolumeNodeAffinity,
};

/// Whether one of the selector's terms matches the Node.
pub fn node_selector_matches(selector: &NodeSelector, node: &Node) -> bool {
    let mut terms = selector.node_selector_terms.iter();
    terms.any(|term| node_selector_term_matches(term, node))
}

/// Whether all requirements of a term hold; a term without any matches nothing.
pub fn node_selector_term_matches(term: &NodeSelectorTerm, node: &Node) -> bool {
    static NONE: BTreeMap<String, String> = BTreeMap::new();
    let labels = node.metadata.labels.as_ref().unwrap_or(&NONE);
    let expressions = term.match_expressions.as_deref().unwrap_or_default();
    let fields = term.match_fields.as_deref().unwrap_or_default();
    if expressions.is_empty() && fields.is_empty() {
        return false;
    }
    let by_label = expressions
        .iter()
        .all(|wanted| holds(wanted, labels.get(&wanted.key).map(String::as_str)));
    // metadata.name is the only field that may stand here (core/v1 NodeSelectorTerm.matchFields).
    let name = node.metadata.name.as_deref();
    let by_field = fields
        .iter()
        .all(|wanted| holds(wanted, name.filter(|_| wanted.key == "metadata.name")));
    by_label && by_field
}

/// Whether a volume of that affinity can be used on the Node; one without affinity can be used on all.
pub fn volume_is_reachable(affinity: Option<&VolumeNodeAffinity>, node: &Node) -> bool {
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_none_or(|selector| node_selector_matches(selector, node))
}

fn holds(wanted: &NodeSelectorRequirement, value: Option<&str>) -> bool {
    let values = wanted.values.as_deref().unwrap_or_default();
    let is_in = value.is_some_and(|value| values.iter().any(|wanted| wanted == value));
    let number = |text: &str| text.parse::<i64>().ok();
    let bound = values.first().and_then(|bound| number(bound));
    let value_and_bound = value.and_then(number).zip(bound);
    match wanted.operator.as_str() {
        "In" => is_in,
        "NotIn" => !is_in,
        "Exists" => value.is_some(),
        "DoesNotExist" => value.is_none(),
        "Gt" => value_and_bound.is_some_and(|(value, bound)| value > bound),
        "Lt" => value_and_bound.is_some_and(|(value, bound)| value < bound),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn node() -> Node {
        let labels = json!({ "disk": "ssd", "cores": "4" });
        serde_json::from_value(json!({ "metadata": { "name": "a", "labels": labels } }))
            .expect("a Node")
    }

    fn term_matches(term: Value) -> bool {
        let selector = json!({ "nodeSelectorTerms": [term] });
        node_selector_matches(
            &serde_json::from_value(selector).expect("a selector"),
            &node(),
        )
    }

    #[test]
    fn a_term_holds_by_labels() {
        let cases = [
            (
                json!({ "key": "disk", "operator": "In", "values": ["ssd", "nvme"] }),
                true,
            ),
            (
                json!({ "key": "disk", "operator": "NotIn", "values": ["ssd"] }),
                false,
            ),
            (
                json!({ "key": "zone", "operator": "NotIn", "values": ["a"] }),
                true,
            ),
            (json!({ "key": "zone", "operator": "Exists" }), false),
            (json!({ "key": "zone", "operator": "DoesNotExist" }), true),
            (
                json!({ "key": "cores", "operator": "Gt", "values": ["3"] }),
                true,
            ),
            (
                json!({ "key": "cores", "operator": "Lt", "values": ["4"] }),
                false,
            ),
            (
                json!({ "key": "disk", "operator": "Gt", "values": ["4"] }),
                false,
            ),
        ];
        for (requirement, matches) in cases {
            let term = json!({ "matchExpressions": [requirement] });
            assert_eq!(term_matches(term.clone()), matches, "{term}");
        }
        assert!(!term_matches(json!({})), "an empty term matches nothing");
    }

    #[test]
    fn a_term_of_a_field_names_the_node() {
        for (name, matches) in [("a", true), ("b", false)] {
            let field = json!({ "key": "metadata.name", "operator": "In", "values": [name] });
            assert_eq!(term_matches(json!({ "matchFields": [field] })), matches);
        }
    }
}
