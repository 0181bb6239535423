//! Where a Pod may run: node selectors, tolerations, spreading; and the taints of nodes, which tolerations answer.

use std::collections::HashSet;

use serde_json::Value;

use crate::field::{Error, Errors};
use crate::kinds::common::defaults::{each, existing};
use crate::kinds::common::{Field, checks};
use crate::names;

use super::{affinity, label_keys};

const EFFECTS: &[&str] = &["NoSchedule", "PreferNoSchedule", "NoExecute"];
const UNSATISFIABLE: &[&str] = &["DoNotSchedule", "ScheduleAnyway"];
/// Which nodes' places count for spreading.
const INCLUSION: &[&str] = &["Honor", "Ignore"];

/// What is wrong with where a Pod wants to run.
pub(super) fn validate(spec: &Field<'_>, errors: &mut Errors) {
    checks::labels(&spec.get("nodeSelector"), errors);
    checks::name(&spec.get("nodeName"), names::dns_subdomain, errors);
    affinity::validate(&spec.get("affinity"), errors);
    tolerations(&spec.get("tolerations"), errors);
    spread(&spec.get("topologySpreadConstraints"), errors);
    let policy = spec.get("preemptionPolicy");
    checks::one_of_if_set(&policy, &["PreemptLowerPriority", "Never"], errors);
}

/// Makes expressions of the keys beside selectors in a new Pod.
pub(crate) fn merge_label_keys(pod: &mut Value) {
    let labels = pod["metadata"]["labels"].clone();
    let Some(spec) = existing(pod, "spec") else {
        return;
    };
    each(spec, "topologySpreadConstraints").for_each(|term| label_keys::merge(term, &labels));
    if let Some(affinity) = existing(spec, "affinity") {
        affinity::merge_label_keys(affinity, &labels);
    }
}

/// What is wrong with tolerations.
pub(crate) fn tolerations(tolerations: &Field<'_>, errors: &mut Errors) {
    for toleration in tolerations.items() {
        validate_toleration(&toleration, errors);
    }
}

fn validate_toleration(toleration: &Field<'_>, errors: &mut Errors) {
    let (key, operator) = (toleration.get("key"), toleration.get("operator"));
    let (value, effect) = (toleration.get("value"), toleration.get("effect"));
    checks::name(&key, names::qualified_name, errors);
    if key.is_empty() && operator.str() != "Exists" {
        let words = "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        errors.push(Error::invalid(operator.path(), operator.str(), words));
    }
    if toleration.get("tolerationSeconds").is_set() && effect.str() != "NoExecute" {
        let words = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        errors.push(Error::invalid(effect.path(), effect.str(), words));
    }
    match operator.str() {
        "" | "Equal" => {
            let wrong = names::label_value(value.str());
            let invalid = |words| Error::invalid(operator.path(), value.str(), words);
            errors.extend(wrong.into_iter().map(invalid));
        }
        "Exists" if value.is_empty() => {}
        "Exists" => {
            let words = "value must be empty when `operator` is 'Exists'";
            errors.push(Error::invalid(operator.path(), value.str(), words));
        }
        _ => errors.push(operator.not_supported(&["Equal", "Exists"])),
    }
    checks::one_of_if_set(&effect, EFFECTS, errors);
}

/// What is wrong with the taints of a node.
pub(crate) fn taints(taints: &Field<'_>, errors: &mut Errors) {
    let mut seen = HashSet::new();
    for taint in taints.items() {
        let (key, effect) = (taint.get("key"), taint.get("effect"));
        checks::must_follow(&key, names::qualified_name, errors);
        checks::name(&taint.get("value"), names::label_value, errors);
        checks::one_of(&effect, EFFECTS, errors);
        if !seen.insert((key.str(), effect.str())) {
            let mut duplicate = taint.duplicate();
            duplicate.detail = "taints must be unique by key and effect pair".to_owned();
            errors.push(duplicate);
        }
    }
}

fn spread(constraints: &Field<'_>, errors: &mut Errors) {
    let all: Vec<Field<'_>> = constraints.items().collect();
    for (index, constraint) in all.iter().enumerate() {
        positive(&constraint.get("maxSkew"), errors);
        let (key, when) = (
            constraint.get("topologyKey"),
            constraint.get("whenUnsatisfiable"),
        );
        if key.is_empty() {
            errors.push(key.required("can not be empty"));
        }
        checks::one_of(&when, UNSATISFIABLE, errors);
        let mut later = all[index + 1..].iter();
        if later.any(|other| kind(other) == kind(constraint)) {
            let (place, shown) = ("{topologyKey, whenUnsatisfiable}", kind(constraint));
            errors.push(Error::duplicate(&constraint.path().child(place), shown));
        }
        let domains = constraint.get("minDomains");
        if domains.is_set() {
            positive(&domains, errors);
            if when.str() != "DoNotSchedule" {
                let words = "can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway";
                errors.push(domains.invalid(words));
            }
        }
        for policy in ["nodeAffinityPolicy", "nodeTaintsPolicy"] {
            checks::one_of_if_set(&constraint.get(policy), INCLUSION, errors);
        }
        label_keys::validate(constraint, errors);
        checks::label_selector(&constraint.get("labelSelector"), errors);
    }
}

/// Of each kind there is one constraint.
fn kind(constraint: &Field<'_>) -> String {
    let [key, when] = ["topologyKey", "whenUnsatisfiable"].map(|field| constraint.get(field));
    format!("{{{}, {}}}", key.str(), when.str())
}

fn positive(field: &Field<'_>, errors: &mut Errors) {
    if field.int().unwrap_or_default() <= 0 {
        let number = field.int().unwrap_or_default();
        errors.push(Error::invalid(
            field.path(),
            number,
            "must be greater than zero",
        ));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(spec: Value) -> Vec<String> {
        let mut errors = Errors::new();
        validate(&Field::root(&spec), &mut errors);
        words(&errors)
    }

    #[test]
    fn tolerations() {
        let cases: [(Value, &[&str]); 6] = [
            (json!({"operator": "Exists"}), &[]),
            (
                json!({"key": "a", "value": "b", "effect": "NoSchedule"}),
                &[],
            ),
            (
                json!({"value": "b"}),
                &[
                    "tolerations[0].operator: Invalid value: \"\": operator must be Exists when `key` is empty, \
                   which means \"match all values and all keys\"",
                ],
            ),
            (
                json!({"key": "a", "tolerationSeconds": 1}),
                &["tolerations[0].effect: Invalid value: \"\": \
                   effect must be 'NoExecute' when `tolerationSeconds` is set"],
            ),
            (
                json!({"key": "a", "operator": "Exists", "value": "b"}),
                &["tolerations[0].operator: Invalid value: \"b\": \
                   value must be empty when `operator` is 'Exists'"],
            ),
            (
                json!({"key": "a", "operator": "In", "effect": "Never"}),
                &[
                    "tolerations[0].operator: Unsupported value: \"In\": supported values: \"Equal\", \"Exists\"",
                    "tolerations[0].effect: Unsupported value: \"Never\": supported values: \
                     \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"",
                ],
            ),
        ];
        for (toleration, expected) in cases {
            assert_eq!(
                wrong(json!({"tolerations": [toleration]})),
                expected,
                "{toleration}"
            );
        }
    }

    #[test]
    fn spreading() {
        let constraint = json!({
            "maxSkew": 0, "whenUnsatisfiable": "ScheduleAnyway", "minDomains": 2, "nodeTaintsPolicy": "Maybe",
            "matchLabelKeys": ["app"],
        });
        let expected = [
            "topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
            "topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
            "topologySpreadConstraints[0].minDomains: Invalid value: 2: \
             can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway",
            "topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: \"Maybe\": \
             supported values: \"Honor\", \"Ignore\"",
            "topologySpreadConstraints[0].matchLabelKeys: Forbidden: \
             must not be specified when labelSelector is not set",
        ];
        assert_eq!(
            wrong(json!({"topologySpreadConstraints": [constraint]})),
            expected
        );

        let zone =
            json!({"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"});
        let expected = [
            "topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \
             \"{zone, DoNotSchedule}\"",
        ];
        assert_eq!(
            wrong(json!({"topologySpreadConstraints": [zone, zone]})),
            expected
        );
    }

    #[test]
    fn taints_of_nodes() {
        let list = json!([
            {"key": "a", "effect": "NoSchedule"},
            {"key": "a", "effect": "NoSchedule", "value": "b"},
            {"key": "b"},
        ]);
        let mut errors = Errors::new();
        taints(
            &Field::at(crate::field::Path::root("taints"), &list),
            &mut errors,
        );
        let expected = [
            "taints[1]: Duplicate value: {\"effect\":\"NoSchedule\",\"key\":\"a\",\"value\":\"b\"}: \
             taints must be unique by key and effect pair",
            "taints[2].effect: Required value",
        ];
        assert_eq!(words(&errors), expected);
    }

    #[test]
    fn keys_beside_selectors_become_expressions_wherever_they_stand() {
        let term = json!({
            "labelSelector": {"matchLabels": {"a": "b"}},
            "matchLabelKeys": ["app", "none"],
            "mismatchLabelKeys": ["tier"],
        });
        let affinity = json!({
            "requiredDuringSchedulingIgnoredDuringExecution": [term],
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": term}],
        });
        let mut pod = json!({
            "metadata": {"labels": {"app": "web", "tier": "front"}},
            "spec": {
                "topologySpreadConstraints": [term],
                "affinity": {"podAffinity": affinity, "podAntiAffinity": affinity},
            },
        });
        merge_label_keys(&mut pod);
        let expected = json!({"matchLabels": {"a": "b"}, "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["web"]},
            {"key": "tier", "operator": "NotIn", "values": ["front"]},
        ]});
        let spec = &pod["spec"];
        let mut places = vec![&spec["topologySpreadConstraints"][0]];
        for kind in ["podAffinity", "podAntiAffinity"] {
            let terms = &spec["affinity"][kind];
            places.push(&terms["requiredDuringSchedulingIgnoredDuringExecution"][0]);
            let preferred = &terms["preferredDuringSchedulingIgnoredDuringExecution"][0];
            places.push(&preferred["podAffinityTerm"]);
        }
        for place in places {
            assert_eq!(place["labelSelector"], expected);
        }
    }
}
