//! Affinity to nodes and to other Pods, and the node selectors that volumes have as well.

use serde_json::Value;

use super::label_keys;
use crate::field::Errors;
use crate::kinds::common::defaults::{each, existing};
use crate::kinds::common::{Field, checks};
use crate::names;

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";

const TO_PODS: [&str; 2] = ["podAffinity", "podAntiAffinity"];

/// What is wrong with the affinity of a Pod.
pub(super) fn validate(affinity: &Field<'_>, errors: &mut Errors) {
    let node = affinity.get("nodeAffinity");
    node_selector(&node.get(REQUIRED), errors);
    for preferred in node.get(PREFERRED).items() {
        weight(&preferred, errors);
        node_selector_term(&preferred.get("preference"), errors);
    }
    for kind in TO_PODS {
        let pods = affinity.get(kind);
        for term in pods.get(REQUIRED).items() {
            pod_term(&term, errors);
        }
        for preferred in pods.get(PREFERRED).items() {
            weight(&preferred, errors);
            pod_term(&preferred.get("podAffinityTerm"), errors);
        }
    }
}

/// Makes expressions of the keys beside selectors in a new Pod, whose labels these are.
pub(super) fn merge_label_keys(affinity: &mut Value, labels: &Value) {
    for kind in TO_PODS {
        let Some(pods) = existing(affinity, kind) else {
            continue;
        };
        each(pods, REQUIRED).for_each(|term| label_keys::merge(term, labels));
        let preferred = each(pods, PREFERRED);
        let terms = preferred.filter_map(|one| existing(one, "podAffinityTerm"));
        terms.for_each(|term| label_keys::merge(term, labels));
    }
}

/// What is wrong with a NodeSelector, if set.
pub(crate) fn node_selector(selector: &Field<'_>, errors: &mut Errors) {
    if !selector.is_set() {
        return;
    }
    let terms = selector.get("nodeSelectorTerms");
    if terms.is_empty() {
        errors.push(terms.required("must have at least one node selector term"));
    }
    for term in terms.items() {
        node_selector_term(&term, errors);
    }
}

fn weight(preferred: &Field<'_>, errors: &mut Errors) {
    let weight = preferred.get("weight");
    if !(1..=100).contains(&weight.int().unwrap_or_default()) {
        errors.push(weight.invalid("must be in the range 1-100"));
    }
}

fn node_selector_term(term: &Field<'_>, errors: &mut Errors) {
    for requirement in term.get("matchExpressions").items() {
        node_requirement(&requirement, errors);
        checks::must_follow(&requirement.get("key"), names::qualified_name, errors);
    }
    for requirement in term.get("matchFields").items() {
        let key = requirement.get("key");
        if key.str() != "metadata.name" {
            errors.push(key.invalid("not a valid field selector key"));
        }
        let (operator, values) = (requirement.get("operator"), requirement.get("values"));
        match operator.str() {
            "In" | "NotIn" if values.len() == 1 => {}
            "In" | "NotIn" => {
                let words = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.push(values.required(words));
            }
            _ => errors.push(operator.invalid("not a valid selector operator")),
        }
        for name in values.items() {
            checks::must_follow(&name, names::dns_subdomain, errors);
        }
    }
}

fn node_requirement(requirement: &Field<'_>, errors: &mut Errors) {
    let (operator, values) = (requirement.get("operator"), requirement.get("values"));
    match operator.str() {
        "In" | "NotIn" if values.is_empty() => {
            let words = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(values.required(words));
        }
        "In" | "NotIn" => {}
        "Exists" | "DoesNotExist" if values.is_empty() => {}
        "Exists" | "DoesNotExist" => {
            let words = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(values.forbidden(words));
        }
        "Gt" | "Lt" if values.len() == 1 => {}
        "Gt" | "Lt" => {
            let words = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(values.required(words));
        }
        _ => errors.push(operator.invalid("not a valid selector operator")),
    }
}

fn pod_term(term: &Field<'_>, errors: &mut Errors) {
    checks::label_selector(&term.get("labelSelector"), errors);
    checks::label_selector(&term.get("namespaceSelector"), errors);
    for namespace in term.get("namespaces").items() {
        checks::name(&namespace, names::dns_label, errors);
    }
    label_keys::validate(term, errors);
    let key = term.get("topologyKey");
    if key.is_empty() {
        errors.push(key.required("can not be empty"));
    }
    checks::must_follow(&key, names::qualified_name, errors);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    #[test]
    fn what_users_get_wrong() {
        let affinity = json!({
            "nodeAffinity": {
                REQUIRED: {"nodeSelectorTerms": [{"matchExpressions": [
                    {"key": "a", "operator": "In"},
                    {"key": "a", "operator": "Exists", "values": ["b"]},
                    {"key": "a", "operator": "Gt", "values": ["1", "2"]},
                    {"key": "a", "operator": "Like", "values": ["1"]},
                ]}]},
                PREFERRED: [{"weight": 0, "preference": {"matchFields": [
                    {"key": "spec.x", "operator": "In", "values": ["n1"]},
                ]}}],
            },
            "podAntiAffinity": {REQUIRED: [{"labelSelector": {"matchLabels": {"a": "b"}}}]},
        });
        let mut errors = Errors::new();
        validate(&Field::root(&affinity), &mut errors);
        let terms =
            "nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]";
        let preferred = "nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0]";
        let expected = [
            format!(
                "{terms}.matchExpressions[0].values: Required value: \
                 must be specified when `operator` is 'In' or 'NotIn'"
            ),
            format!(
                "{terms}.matchExpressions[1].values: Forbidden: \
                 may not be specified when `operator` is 'Exists' or 'DoesNotExist'"
            ),
            format!(
                "{terms}.matchExpressions[2].values: Required value: \
                 must be specified single value when `operator` is 'Lt' or 'Gt'"
            ),
            format!(
                "{terms}.matchExpressions[3].operator: Invalid value: \"Like\": not a valid selector operator"
            ),
            format!("{preferred}.weight: Invalid value: 0: must be in the range 1-100"),
            format!(
                "{preferred}.preference.matchFields[0].key: Invalid value: \"spec.x\": \
                 not a valid field selector key"
            ),
            "podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].topologyKey: \
             Required value: can not be empty"
                .to_owned(),
        ];
        assert_eq!(words(&errors)[..expected.len()], expected);
    }
}
