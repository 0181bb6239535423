//! ResourceClaims, and the templates that they are made from for Pods.

use jiff::Timestamp;
use serde_json::Value;

use super::request;
use crate::field::Errors;
use crate::kinds::common::cells::items;
use crate::kinds::common::defaults::existing;
use crate::kinds::common::{Field, cells, checks};
use crate::{Column, Strategy};

pub(super) struct ResourceClaim;

impl Strategy for ResourceClaim {
    fn default(&self, claim: &mut Value) {
        if let Some(spec) = existing(claim, "spec") {
            request::default(spec);
        }
    }

    fn validate(&self, claim: &Value) -> Errors {
        let mut errors = Errors::new();
        request::validate(&Field::root(claim).get("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        spec_stays(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("State", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, claim: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(claim),
            state(claim).into(),
            cells::age(claim, now),
        ]
    }
}

pub(super) struct ResourceClaimTemplate;

impl Strategy for ResourceClaimTemplate {
    fn default(&self, template: &mut Value) {
        let spec = existing(template, "spec");
        if let Some(claim) = spec.and_then(|spec| existing(spec, "spec")) {
            request::default(claim);
        }
    }

    fn validate(&self, template: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(template).get("spec");
        let metadata = spec.get("metadata");
        checks::labels(&metadata.get("labels"), &mut errors);
        checks::annotations(&metadata.get("annotations"), &mut errors);
        request::validate(&spec.get("spec"), &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        spec_stays(new, old)
    }
}

fn spec_stays(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let [new, old] = [new, old].map(|object| Field::root(object).get("spec"));
    checks::immutable(&new, &old, &mut errors);
    errors
}

/// Such as `allocated,reserved`.
fn state(claim: &Value) -> String {
    let deleted = claim["metadata"]["deletionTimestamp"].is_string();
    let allocated = claim["status"]["allocation"].is_object();
    let reserved = allocated && !items(claim, "/status/reservedFor").is_empty();
    let states = [
        (deleted, "deleted"),
        (!allocated && !deleted, "pending"),
        (allocated, "allocated"),
        (reserved, "reserved"),
    ];
    let states = states.into_iter().filter(|(holds, _)| *holds);
    states.map(|(_, state)| state).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn claim(devices: Value) -> Value {
        json!({
            "metadata": {"name": "gpu", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"devices": devices},
        })
    }

    fn one() -> Value {
        json!({"requests": [{"name": "gpu", "exactly": {"deviceClassName": "gpu.example.com"}}]})
    }

    #[test]
    fn a_claim_in_the_list() {
        let mut claim = created(&ResourceClaim, &claim(one()));
        let exactly = &claim["spec"]["devices"]["requests"][0]["exactly"];
        assert_eq!(exactly["allocationMode"], "ExactCount");
        assert_eq!(exactly["count"], 1);
        let mut row = [
            ("Name", json!("gpu")),
            ("State", json!("pending")),
            ("Age", json!("5m")),
        ];
        assert_row(&ResourceClaim, &claim, &row);
        claim["status"] = json!({"allocation": {}, "reservedFor": [{"uid": "u"}]});
        row[1].1 = json!("allocated,reserved");
        assert_row(&ResourceClaim, &claim, &row);
    }

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 5] = [
            (one(), &[]),
            (
                json!({"requests": [{"name": "gpu"}]}),
                &[
                    "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required",
                ],
            ),
            (
                json!({"requests": [{"name": "gpu", "exactly": {}}]}),
                &["spec.devices.requests[0].exactly.deviceClassName: Required value"],
            ),
            (
                json!({"requests": [{"name": "gpu", "firstAvailable": [{"name": "a", "deviceClassName": "b", "allocationMode": "Some"}]}]}),
                &[
                    "spec.devices.requests[0].firstAvailable[0].allocationMode: Unsupported value: \"Some\": supported values: \"All\", \"ExactCount\"",
                ],
            ),
            (
                json!({"constraints": [{"requests": ["x"], "matchAttribute": "a.b/c"}]}),
                &[
                    "spec.devices.constraints[0].requests[0]: Invalid value: \"x\": must be the name of a request in the claim or the name of a request and a subrequest separated by '/'",
                ],
            ),
        ];
        for (devices, expected) in cases {
            assert_eq!(create_errors(&ResourceClaim, &claim(devices)), expected);
        }
        let errors = update_errors(&ResourceClaim, &claim(one()), &claim(json!({})));
        assert_eq!(errors.len(), 1);
        assert!(errors[0].ends_with("field is immutable"), "{errors:?}");
    }
}
