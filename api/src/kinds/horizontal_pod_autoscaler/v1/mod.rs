//! HorizontalPodAutoscalers of autoscaling/v1: one target, for the use of CPU. They are stored in autoscaling/v2; what else
//! they have there stands in annotations here, so that a client of this version loses nothing
//! (<https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#api-object>).

mod annotations;
mod metrics;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::HorizontalPodAutoscaler;
use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::cells::items;
use crate::kinds::common::defaults::{default_to, existing, remove};
use crate::{Column, Descriptor, StoredVersion, Strategy};
use annotations::{annotate, is_nothing, tell, told};
use metrics::{Way, is_of_cpu, moved};

/// Annotations that are fields of the status in autoscaling/v2: who writes the spec cannot write them.
const OF_STATUS: [&str; 2] = ["conditions", "current-metrics"];
const CPU: &str = "targetCPUUtilizationPercentage";
const CPU_NOW: &str = "currentCPUUtilizationPercentage";

pub(in crate::kinds) fn descriptor() -> Descriptor {
    Descriptor {
        version: "v1".into(),
        type_name: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler".into(),
        strategy: std::sync::Arc::new(HorizontalPodAutoscalerV1),
        ..super::descriptor()
    }
}

pub(super) struct HorizontalPodAutoscalerV1;

impl Strategy for HorizontalPodAutoscalerV1 {
    fn stored_version(&self) -> Option<&dyn StoredVersion> {
        Some(self)
    }

    fn default(&self, autoscaler: &mut Value) {
        let mut stored = self.to_stored(autoscaler.take());
        HorizontalPodAutoscaler.default(&mut stored);
        *autoscaler = self.of_stored(stored);
    }

    fn prepare_create(&self, autoscaler: &mut Value) {
        if autoscaler.is_object() {
            autoscaler["status"] = json!({"currentReplicas": 0, "desiredReplicas": 0});
            for annotation in OF_STATUS {
                annotate(autoscaler, annotation, None);
            }
        }
    }

    fn prepare_update(&self, new: &mut Value, old: &Value) {
        for annotation in OF_STATUS {
            let reported = &old["metadata"]["annotations"][annotations::name(annotation)];
            annotate(new, annotation, reported.as_str());
        }
    }

    fn validate(&self, autoscaler: &Value) -> Errors {
        let stored = self.to_stored(autoscaler.clone());
        let mut errors = HorizontalPodAutoscaler.validate(&stored);
        // No schema has looked at what the annotations say.
        let schema = super::descriptor().schema();
        if let Some(wrong) = schema.and_then(|schema| schema.check(&stored).type_error) {
            let annotations = Field::root(autoscaler).get("metadata").get("annotations");
            errors.push(annotations.invalid(wrong));
        }
        errors
    }

    fn columns(&self) -> Vec<Column> {
        HorizontalPodAutoscaler.columns()
    }

    fn cells(&self, autoscaler: &Value, now: Timestamp) -> Vec<Value> {
        HorizontalPodAutoscaler.cells(&self.to_stored(autoscaler.clone()), now)
    }
}

impl StoredVersion for HorizontalPodAutoscalerV1 {
    fn group(&self) -> &'static str {
        "autoscaling"
    }

    fn to_stored(&self, mut object: Value) -> Value {
        if !object.is_object() {
            return object;
        }
        object["apiVersion"] = "autoscaling/v2".into();
        let metrics = told(&mut object, "metrics");
        let current = told(&mut object, "current-metrics");
        let behavior = told(&mut object, "behavior");
        let conditions = told(&mut object, "conditions");
        if let Some(spec) = existing(&mut object, "spec") {
            let cpu = remove(spec, CPU).filter(|percent| !percent.is_null());
            let cpu = cpu.map(|percent| {
                json!({
                    "type": "Resource",
                    "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}},
                })
            });
            let others = items(&metrics, "").iter();
            let others = others.map(|metric| moved(metric, "target", Way::ToNewer));
            let all: Vec<Value> = cpu.into_iter().chain(others).collect();
            set(spec, "metrics", all.into());
            set(spec, "behavior", behavior);
        }
        if let Some(status) = existing(&mut object, "status") {
            remove(status, CPU_NOW);
            let current = items(&current, "").iter();
            let current = current.map(|metric| moved(metric, "current", Way::ToNewer));
            set(status, "currentMetrics", current.collect());
            set(status, "conditions", conditions);
        }
        object
    }

    fn of_stored(&self, mut object: Value) -> Value {
        if !object.is_object() {
            return object;
        }
        object["apiVersion"] = "autoscaling/v1".into();
        if let Some(spec) = existing(&mut object, "spec") {
            let behavior = remove(spec, "behavior").unwrap_or_default();
            let metrics = remove(spec, "metrics").unwrap_or_default();
            let (of_cpu, others): (Vec<&Value>, Vec<&Value>) = items(&metrics, "")
                .iter()
                .partition(|it| is_of_cpu(it, "target"));
            if let Some(cpu) = of_cpu.first() {
                set(
                    spec,
                    CPU,
                    cpu["resource"]["target"]["averageUtilization"].clone(),
                );
            }
            let others = others.into_iter();
            let others = others.map(|metric| moved(metric, "target", Way::ToOlder));
            let others: Value = others.collect();
            tell(&mut object, "metrics", &others);
            tell(&mut object, "behavior", &behavior);
        }
        if let Some(status) = existing(&mut object, "status") {
            default_to(status, "currentReplicas", 0);
            let conditions = remove(status, "conditions").unwrap_or_default();
            let current = remove(status, "currentMetrics").unwrap_or_default();
            let current = items(&current, "");
            if let Some(cpu) = current.iter().find(|it| is_of_cpu(it, "current")) {
                set(
                    status,
                    CPU_NOW,
                    cpu["resource"]["current"]["averageUtilization"].clone(),
                );
            }
            let current = current.iter();
            let current = current.map(|metric| moved(metric, "current", Way::ToOlder));
            let current: Value = current.collect();
            tell(&mut object, "current-metrics", &current);
            tell(&mut object, "conditions", &conditions);
        }
        object
    }
}

/// Sets a field, unless to nothing.
fn set(map: &mut Value, field: &str, value: Value) {
    if !is_nothing(&value) {
        map[field] = value;
    }
}
