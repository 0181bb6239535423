//! ResourceQuotas; what they count is in `crate::quota`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::text;
use super::common::{Field, cells, checks, describe, quantities};
use crate::field::{Error, Errors};
use crate::quota::{self, SCOPES};
use crate::{Column, Descriptor, Quantity, Strategy, names};

/// Scopes that shut each other out.
const CONFLICTING: [[&str; 2]; 2] = [
    ["BestEffort", "NotBestEffort"],
    ["Terminating", "NotTerminating"],
];
/// Operators that take values, and those that take none.
const WITH_VALUES: [&str; 2] = ["In", "NotIn"];
const WITHOUT_VALUES: [&str; 2] = ["Exists", "DoesNotExist"];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("quota"),
        subresources: describe::status(),
        ..describe::namespaced(
            describe::CORE,
            "ResourceQuota",
            "resourcequotas",
            ResourceQuota,
        )
    }
}

pub(super) struct ResourceQuota;

impl Strategy for ResourceQuota {
    fn prepare_create(&self, quota: &mut Value) {
        if quota.is_object() {
            quota["status"] = json!({});
        }
    }

    fn validate(&self, quota: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(quota).get("spec");
        amounts(&spec.get("hard"), &mut errors);
        scopes(&spec, &mut errors);
        selector(&spec, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let [new, old] = [new, old].map(|object| Field::root(object).get("spec"));
        for field in ["scopes", "scopeSelector"] {
            checks::immutable(&new.get(field), &old.get(field), &mut errors);
        }
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        let status = Field::root(new).get("status");
        amounts(&status.get("hard"), &mut errors);
        amounts(&status.get("used"), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Request", "string"),
            Column::new("Limit", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, quota: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(quota),
            used_of_hard(quota, false).into(),
            used_of_hard(quota, true).into(),
            cells::age(quota, now),
        ]
    }
}

/// `pods: 1/10, requests.cpu: 500m/1`: the limits, or all else.
fn used_of_hard(quota: &Value, limits: bool) -> String {
    let mut hard: Vec<_> = quota["spec"]["hard"]
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(resource, _)| resource.starts_with("limits") == limits)
        .collect();
    hard.sort_by_key(|(resource, _)| *resource);
    let shown = hard.into_iter().map(|(resource, hard)| {
        let amount = |value: &Value| {
            Quantity::from_json(value)
                .unwrap_or(Quantity::ZERO)
                .to_string()
        };
        let used = amount(&quota["status"]["used"][resource]);
        format!("{resource}: {used}/{}", amount(hard))
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn amounts(amounts: &Field<'_>, errors: &mut Errors) {
    for (resource, amount) in amounts.entries() {
        for words in names::qualified_name(resource) {
            errors.push(Error::invalid(amount.path(), resource, words));
        }
        if !resource.contains('/') && !quota::is_standard(resource) {
            let words = "must be a standard resource for quota";
            errors.push(Error::invalid(amount.path(), resource, words));
        }
        let parsed = quantities::non_negative(&amount, errors);
        let is_whole = |quantity: Quantity| quantity.milli_value() % 1000 == 0;
        if quota::is_count(resource) && !parsed.is_none_or(is_whole) {
            errors.push(amount.invalid("must be an integer"));
        }
    }
}

fn scopes(spec: &Field<'_>, errors: &mut Errors) {
    let field = spec.get("scopes");
    let scopes: Vec<&str> = field.items().map(|scope| scope.str()).collect();
    for scope in &scopes {
        if !SCOPES.contains(scope) {
            errors.push(field.invalid("unsupported scope"));
        }
        check_resources(spec, &field, scope, errors);
    }
    for pair in CONFLICTING {
        if pair.iter().all(|scope| scopes.contains(scope)) {
            errors.push(field.invalid("conflicting scopes"));
        }
    }
}

/// A scope is one of Pods, so it can only hold resources of Pods.
fn check_resources(spec: &Field<'_>, blamed: &Field<'_>, scope: &str, errors: &mut Errors) {
    for (resource, _) in spec.get("hard").entries() {
        let fits = match scope {
            "BestEffort" => resource == "pods",
            "VolumeAttributesClass" => quota::is_of_claims(resource),
            _ => quota::is_of_pods(resource),
        };
        if !fits {
            errors.push(blamed.invalid("unsupported scope applied to resource"));
        }
    }
}

fn selector(spec: &Field<'_>, errors: &mut Errors) {
    let field = spec.get("scopeSelector");
    for requirement in field.get("matchExpressions").items() {
        let scope = requirement.get("scopeName");
        checks::one_of(&scope, &SCOPES, errors);
        check_resources(spec, &field, scope.str(), errors);
        let operator = requirement.get("operator");
        let values = requirement.get("values");
        match text(requirement.value(), "/operator") {
            known if WITH_VALUES.contains(&known) => {
                if values.is_empty() {
                    let words = "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector";
                    errors.push(values.required(words));
                }
            }
            known if WITHOUT_VALUES.contains(&known) => {
                if !values.is_empty() {
                    let words = "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector";
                    errors.push(values.invalid(words));
                }
            }
            _ => errors.push(operator.invalid("not a valid selector operator")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, update_errors};

    fn quota(hard: Value, scopes: Value) -> Value {
        json!({
            "metadata": {"name": "team", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"hard": hard, "scopes": scopes},
        })
    }

    #[test]
    fn a_quota_in_the_list() {
        let mut quota = quota(
            json!({"pods": 10, "requests.cpu": "1", "limits.memory": "2Gi"}),
            json!(null),
        );
        quota["status"]["used"] = json!({"pods": "3", "requests.cpu": "500m"});
        let row = [
            ("Name", json!("team")),
            ("Request", json!("pods: 3/10, requests.cpu: 500m/1")),
            ("Limit", json!("limits.memory: 0/2Gi")),
            ("Age", json!("5m")),
        ];
        assert_row(&ResourceQuota, &quota, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        let cases = [
            (
                quota(
                    json!({"pods": "1", "count/deployments.apps": 2, "requests.nvidia.com/gpu": 1}),
                    json!(["Terminating"]),
                ),
                vec![
                    "spec.scopes: Invalid value: [\"Terminating\"]: unsupported scope applied to resource";
                    1
                ],
            ),
            (
                quota(json!({"chairs": "1", "pods": "-1"}), json!([])),
                vec![
                    "spec.hard[chairs]: Invalid value: \"chairs\": must be a standard resource for quota",
                    "spec.hard[pods]: Invalid value: \"-1\": must be greater than or equal to 0",
                ],
            ),
            (
                quota(
                    json!({"pods": "1.5"}),
                    json!(["BestEffort", "NotBestEffort"]),
                ),
                vec![
                    "spec.hard[pods]: Invalid value: \"1.5\": must be an integer",
                    "spec.scopes: Invalid value: [\"BestEffort\",\"NotBestEffort\"]: conflicting scopes",
                ],
            ),
        ];
        for (quota, expected) in cases {
            assert_eq!(create_errors(&ResourceQuota, &quota), expected);
        }
        let errors = update_errors(
            &ResourceQuota,
            &quota(json!({"pods": 1}), json!(["Terminating"])),
            &quota(json!({"pods": 2}), json!(["NotTerminating"])),
        );
        assert_eq!(
            errors,
            ["spec.scopes: Invalid value: [\"NotTerminating\"]: field is immutable"]
        );
    }
}
