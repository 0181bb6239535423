//! PodDisruptionBudgets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::number;
use super::common::{Field, cells, checks, describe};
use super::workload::{at_most_all, count_or_percent};
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy};

const POLICIES: [&str; 2] = ["AlwaysAllow", "IfHealthyBudget"];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("pdb"),
        subresources: describe::status(),
        ..describe::namespaced(
            describe::POLICY,
            "PodDisruptionBudget",
            "poddisruptionbudgets",
            PodDisruptionBudget,
        )
    }
}

pub(super) struct PodDisruptionBudget;

impl Strategy for PodDisruptionBudget {
    fn prepare_create(&self, budget: &mut Value) {
        if budget.is_object() {
            budget["status"] = json!({
                "currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0,
            });
        }
    }

    fn validate(&self, budget: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(budget).get("spec");
        let counts = ["minAvailable", "maxUnavailable"].map(|name| spec.get(name));
        if counts.iter().all(Field::is_set) {
            let words = "minAvailable and maxUnavailable cannot be both set";
            errors.push(Error::invalid(spec.path(), spec.value().clone(), words));
        }
        for count in &counts {
            count_or_percent(count, &mut errors);
            at_most_all(count, &mut errors);
        }
        checks::label_selector(&spec.get("selector"), &mut errors);
        let policy = spec.get("unhealthyPodEvictionPolicy");
        checks::one_of_if_set(&policy, &POLICIES, &mut errors);
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        let counts = [
            "currentHealthy",
            "desiredHealthy",
            "disruptionsAllowed",
            "expectedPods",
        ];
        let status = Field::root(new).get("status");
        checks::all_non_negative(&status, &counts, &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Min Available", "string"),
            Column::new("Max Unavailable", "string"),
            Column::new("Allowed Disruptions", "integer"),
            cells::age_column(),
        ]
    }

    fn cells(&self, budget: &Value, now: Timestamp) -> Vec<Value> {
        let count = |name: &str| match &budget["spec"][name] {
            Value::Null => "N/A".to_owned(),
            Value::String(percent) => percent.clone(),
            number => number.to_string(),
        };
        vec![
            cells::name(budget),
            count("minAvailable").into(),
            count("maxUnavailable").into(),
            number(budget, "/status/disruptionsAllowed").into(),
            cells::age(budget, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    #[test]
    fn a_budget_in_the_list() {
        let budget = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"minAvailable": "50%"},
            "status": {"disruptionsAllowed": 2},
        });
        let row = [
            ("Name", json!("web")),
            ("Min Available", json!("50%")),
            ("Max Unavailable", json!("N/A")),
            ("Allowed Disruptions", json!(2)),
            ("Age", json!("5m")),
        ];
        assert_row(&PodDisruptionBudget, &budget, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        let cases = [
            (json!({"minAvailable": 1}), vec![]),
            (
                json!({"minAvailable": 1, "maxUnavailable": 1}),
                vec![
                    "spec: Invalid value: {\"maxUnavailable\":1,\"minAvailable\":1}: minAvailable and maxUnavailable cannot be both set",
                ],
            ),
            (
                json!({"maxUnavailable": "110%"}),
                vec!["spec.maxUnavailable: Invalid value: \"110%\": must not be greater than 100%"],
            ),
        ];
        for (spec, expected) in cases {
            let budget = json!({"metadata": {"name": "web"}, "spec": spec});
            assert_eq!(create_errors(&PodDisruptionBudget, &budget), expected);
        }
    }
}
