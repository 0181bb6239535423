//! ReplicationControllers, the elders of ReplicaSets.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::number;
use super::common::defaults::{default_to, ensure};
use super::common::{Field, cells, checks, describe};
use super::job::labels_from_template;
use super::{pod_spec, workload};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("rc"),
        categories: describe::all(),
        subresources: describe::status_and_scale(),
        ..describe::namespaced(
            describe::CORE,
            "ReplicationController",
            "replicationcontrollers",
            ReplicationController,
        )
    }
}

pub(super) struct ReplicationController;

impl Strategy for ReplicationController {
    fn default(&self, controller: &mut Value) {
        labels_from_template(controller);
        let Some(spec) = ensure(controller, "spec") else {
            return;
        };
        default_to(spec, "replicas", 1);
        let labels = spec["template"]["metadata"]["labels"].clone();
        if labels.is_object()
            && spec["selector"]
                .as_object()
                .is_none_or(|map| map.is_empty())
        {
            spec["selector"] = labels;
        }
        if let Some(template) = ensure(spec, "template") {
            pod_spec::default_template(template);
        }
    }

    fn prepare_create(&self, controller: &mut Value) {
        if controller.is_object() {
            controller["status"] = json!({"replicas": 0});
        }
    }

    fn validate(&self, controller: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(controller).get("spec");
        checks::all_non_negative(&spec, &["replicas", "minReadySeconds"], &mut errors);
        let (selector, template) = (spec.get("selector"), spec.get("template"));
        checks::required(&selector, &mut errors);
        let labels = template.get("metadata").get("labels");
        let has = |(key, value): (&str, Field<'_>)| labels.value().get(key) == Some(value.value());
        if !selector.entries().all(has) {
            errors.push(labels.invalid("`selector` does not match template `labels`"));
        }
        pod_spec::validate_template(&template, "ReplicationController", &[], &mut errors);
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        let counts = ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"];
        workload::counts(&Field::root(new).get("status"), &counts, &mut errors);
        errors
    }

    fn warnings(&self, controller: &Value) -> Vec<String> {
        let template = Field::root(controller).get("spec").get("template");
        pod_spec::warnings(&template.get("spec"))
    }

    fn selectable_field(&self, controller: &Value, field: &str) -> Option<String> {
        let replicas = || number(controller, "/status/replicas").to_string();
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

    fn cells(&self, controller: &Value, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![
            cells::name(controller),
            number(controller, "/spec/replicas").into(),
            number(controller, "/status/replicas").into(),
            number(controller, "/status/readyReplicas").into(),
            cells::age(controller, now),
        ];
        cells.extend(workload::template_cells(controller));
        cells.push(cells::labels(&controller["spec"]["selector"]).into());
        cells
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    #[test]
    fn a_replication_controller() {
        let mut controller = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"template": {
                "metadata": {"labels": {"app": "web"}},
                "spec": {"containers": [{"name": "a", "image": "nginx:1.19"}]},
            }},
        });
        assert_eq!(create_errors(&ReplicationController, &controller), [""; 0]);
        let object = created(&ReplicationController, &controller);
        assert_eq!(object["metadata"]["labels"], json!({"app": "web"}));
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
        assert_row(&ReplicationController, &object, &row);
        controller["spec"]["selector"] = json!({"app": "other"});
        assert_eq!(
            create_errors(&ReplicationController, &controller),
            [
                "spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: \
              `selector` does not match template `labels`"
            ]
        );
    }
}
