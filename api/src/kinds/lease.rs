//! Leases.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::{Field, cells, checks, describe};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::namespaced(describe::COORDINATION, "Lease", "leases", Lease)
}

pub(super) struct Lease;

impl Strategy for Lease {
    fn validate(&self, lease: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(lease).get("spec");
        let duration = spec.get("leaseDurationSeconds");
        if duration.int().is_some_and(|seconds| seconds <= 0) {
            errors.push(duration.invalid("must be greater than 0"));
        }
        checks::non_negative(&spec.get("leaseTransitions"), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Holder", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, lease: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(lease),
            text(lease, "/spec/holderIdentity").into(),
            cells::age(lease, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors};

    #[test]
    fn a_lease() {
        let lease = json!({
            "metadata": {"name": "n1", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"holderIdentity": "n1", "leaseDurationSeconds": 0, "leaseTransitions": -1},
        });
        let expected = [
            "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
            "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        ];
        assert_eq!(create_errors(&Lease, &lease), expected);
        assert_row(
            &Lease,
            &lease,
            &[
                ("Name", json!("n1")),
                ("Holder", json!("n1")),
                ("Age", json!("5m")),
            ],
        );
    }
}
