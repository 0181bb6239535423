//! ReplicaSets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::number;
use super::common::defaults::{default_to, ensure};
use super::common::{Field, cells, describe};
use super::pod_spec;
use super::workload::{self, Workload};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

/// "deployment" is Kubernetes' own word here.
const REPLICA_SET: Workload = Workload {
    selects_for: "deployment",
    template_of: "ReplicaSet",
};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("rs"),
        categories: describe::all(),
        subresources: describe::status_and_scale(),
        ..describe::namespaced(describe::APPS, "ReplicaSet", "replicasets", ReplicaSet)
    }
}

pub(super) struct ReplicaSet;

impl Strategy for ReplicaSet {
    fn default(&self, replica_set: &mut Value) {
        let Some(spec) = ensure(replica_set, "spec") else {
            return;
        };
        default_to(spec, "replicas", 1);
        ensure(spec, "template").map(pod_spec::default_template);
    }

    fn prepare_create(&self, replica_set: &mut Value) {
        if replica_set.is_object() {
            replica_set["status"] = json!({"replicas": 0});
        }
    }

    fn validate(&self, replica_set: &Value) -> Errors {
        let mut errors = Errors::new();
        REPLICA_SET.validate(&Field::root(replica_set).get("spec"), &[], &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        workload::selector_stays(new, old, &mut errors);
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        let counts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
        workload::counts(&Field::root(new).get("status"), &counts, &mut errors);
        errors
    }

    fn selectable_field(&self, replica_set: &Value, field: &str) -> Option<String> {
        let replicas = || number(replica_set, "/status/replicas").to_string();
        (field == "status.replicas").then(replicas)
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            cells::name_column(),
            Column::new("Desired", "integer"),
            Column::new("Current", "integer"),
            Column::new("Ready", "integer"),
            cells::age_column(),
        ];
        columns.extend(workload::template_columns());
        columns.push(Column::wide("Selector", "string"));
        columns
    }

    fn cells(&self, replica_set: &Value, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![
            cells::name(replica_set),
            number(replica_set, "/spec/replicas").into(),
            number(replica_set, "/status/replicas").into(),
            number(replica_set, "/status/readyReplicas").into(),
            cells::age(replica_set, now),
        ];
        cells.extend(workload::template_cells(replica_set));
        cells.push(workload::selector_cell(replica_set));
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    #[test]
    fn a_replica_set() {
        let replica_set = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {
                "selector": {"matchLabels": {"app": "web"}},
                "template": {
                    "metadata": {"labels": {"app": "web"}},
                    "spec": {"containers": [{"name": "a", "image": "nginx:1.19"}]},
                },
            },
        });
        assert_eq!(create_errors(&ReplicaSet, &replica_set), [""; 0]);
        let row = [
            ("Name", json!("web")),
            ("Desired", json!(1)),
            ("Current", json!(0)),
            ("Ready", json!(0)),
            ("Age", json!("5m")),
            ("Containers", json!("a")),
            ("Images", json!("nginx:1.19")),
            ("Selector", json!("app=web")),
        ];
        assert_row(&ReplicaSet, &created(&ReplicaSet, &replica_set), &row);
    }

    #[test]
    fn a_template_is_required() {
        let object = json!({"spec": {"selector": {"matchLabels": {"app": "web"}}}});
        let errors = create_errors(&ReplicaSet, &object);
        let mismatch = "spec.template.metadata.labels: Invalid value: null: \
                        `selector` does not match template `labels`";
        assert_eq!(errors[0], mismatch);
        assert!(errors.contains(&"spec.template.spec.containers: Required value".to_owned()));
    }
}
