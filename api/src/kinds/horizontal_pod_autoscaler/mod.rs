//! HorizontalPodAutoscalers (autoscaling/v2, in which they are stored).

mod behavior;
mod metrics;
mod row;
pub(super) mod v1;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{items, number, text};
use super::common::defaults::{default_to, ensure, existing};
use super::common::{Field, cells, checks, describe};
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        version: "v2".into(),
        short_names: describe::short("hpa"),
        categories: describe::all(),
        subresources: describe::status(),
        type_name: "io.k8s.api.autoscaling.v2.HorizontalPodAutoscaler".into(),
        ..describe::namespaced(
            describe::AUTOSCALING,
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            HorizontalPodAutoscaler,
        )
    }
}

pub(super) struct HorizontalPodAutoscaler;

impl Strategy for HorizontalPodAutoscaler {
    fn default(&self, autoscaler: &mut Value) {
        let Some(spec) = ensure(autoscaler, "spec") else {
            return;
        };
        default_to(spec, "minReplicas", 1);
        if items(spec, "/metrics").is_empty() {
            spec["metrics"] = json!([{
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }]);
        }
        if let Some(behavior) = existing(spec, "behavior") {
            behavior::default(behavior);
        }
    }

    fn prepare_create(&self, autoscaler: &mut Value) {
        if autoscaler.is_object() {
            autoscaler["status"] = json!({"desiredReplicas": 0});
        }
    }

    fn validate(&self, autoscaler: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(autoscaler).get("spec");
        let target = spec.get("scaleTargetRef");
        for field in ["kind", "name"] {
            checks::required(&target.get(field), &mut errors);
        }
        let (least, most) = (spec.get("minReplicas"), spec.get("maxReplicas"));
        if least.int().is_some_and(|least| least < 1) {
            errors.push(least.invalid("must be greater than or equal to 1"));
        }
        if most.int().unwrap_or(0) < 1 {
            errors.push(Error::invalid(
                most.path(),
                most.int().unwrap_or(0),
                "must be greater than 0",
            ));
        }
        if least.int() > most.int() {
            errors.push(most.invalid("must be greater than or equal to `minReplicas`"));
        }
        for metric in spec.get("metrics").items() {
            metrics::validate(&metric, &mut errors);
        }
        behavior::validate(&spec.get("behavior"), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Reference", "string"),
            Column::new("Targets", "string"),
            Column::new("MinPods", "string"),
            Column::new("MaxPods", "string"),
            Column::new("Replicas", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, autoscaler: &Value, now: Timestamp) -> Vec<Value> {
        let target = format!(
            "{}/{}",
            text(autoscaler, "/spec/scaleTargetRef/kind"),
            text(autoscaler, "/spec/scaleTargetRef/name")
        );
        let least = match &autoscaler["spec"]["minReplicas"] {
            Value::Null => "<unset>".to_owned(),
            least => least.to_string(),
        };
        vec![
            cells::name(autoscaler),
            target.into(),
            row::targets(autoscaler).into(),
            least.into(),
            number(autoscaler, "/spec/maxReplicas").to_string().into(),
            number(autoscaler, "/status/currentReplicas")
                .to_string()
                .into(),
            cells::age(autoscaler, now),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created};

    fn autoscaler(spec: Value) -> Value {
        let mut autoscaler = json!({
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 5},
        });
        for (field, value) in spec.as_object().unwrap() {
            autoscaler["spec"][field] = value.clone();
        }
        autoscaler
    }

    #[test]
    fn an_autoscaler_in_the_list() {
        let mut object = created(&HorizontalPodAutoscaler, &autoscaler(json!({})));
        let row = |targets: &str, replicas: &str| {
            [
                ("Name", json!("web")),
                ("Reference", json!("Deployment/web")),
                ("Targets", json!(targets)),
                ("MinPods", json!("1")),
                ("MaxPods", json!("5")),
                ("Replicas", json!(replicas)),
                ("Age", json!("5m")),
            ]
        };
        assert_row(
            &HorizontalPodAutoscaler,
            &object,
            &row("cpu: <unknown>/80%", "0"),
        );
        object["status"] = json!({"currentReplicas": 2, "currentMetrics": [
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageUtilization": 12, "averageValue": "12m"}}},
        ]});
        assert_row(&HorizontalPodAutoscaler, &object, &row("cpu: 12%/80%", "2"));
    }

    #[test]
    fn behavior_has_defaults_once_it_is_there() {
        let behavior = json!({"scaleDown": {"stabilizationWindowSeconds": 10}});
        let object = autoscaler(json!({"behavior": behavior}));
        let object = created(&HorizontalPodAutoscaler, &object);
        let behavior = &object["spec"]["behavior"];
        assert_eq!(behavior["scaleDown"]["stabilizationWindowSeconds"], 10);
        assert_eq!(behavior["scaleDown"]["policies"][0]["value"], 100);
        assert_eq!(behavior["scaleUp"]["stabilizationWindowSeconds"], 0);
        assert_eq!(behavior["scaleUp"]["policies"][0]["type"], "Pods");
    }

    #[test]
    fn what_users_get_wrong() {
        let cases = [
            (json!({}), vec![]),
            (
                json!({"minReplicas": 0, "maxReplicas": 0}),
                vec![
                    "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1",
                    "spec.maxReplicas: Invalid value: 0: must be greater than 0",
                ],
            ),
            (
                json!({"minReplicas": 6}),
                vec![
                    "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`",
                ],
            ),
            (
                json!({"metrics": [{"type": "Resource"}]}),
                vec![
                    "spec.metrics[0].resource: Required value: must populate information for the given metric source type: resource",
                ],
            ),
            (
                json!({"metrics": [
                    {"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "0"}}},
                    {"type": "Object", "object": {"metric": {"name": "hits"}, "describedObject": {"kind": "Service"}, "target": {"type": "Value"}}},
                    {"type": "External", "external": {"metric": {"name": "queue"}, "target": {"type": "Value", "value": "1", "averageValue": "1"}}},
                ]}),
                vec![
                    "spec.metrics[0].pods.target.averageValue: Invalid value: \"0\": must be positive",
                    "spec.metrics[1].object.describedObject.name: Required value",
                    "spec.metrics[1].object.target.averageValue: Required value: must set either a target value or averageValue",
                    "spec.metrics[2].external.target.value: Forbidden: may not set both a target value for metric and a per-pod target",
                ],
            ),
            (
                json!({"behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1801}]}}}),
                vec![
                    "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                    "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be between 1 and 1800, inclusive",
                ],
            ),
        ];
        for (spec, expected) in cases {
            assert_eq!(
                create_errors(&HorizontalPodAutoscaler, &autoscaler(spec)),
                expected
            );
        }
    }
}
