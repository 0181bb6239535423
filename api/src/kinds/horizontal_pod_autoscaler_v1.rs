//! HorizontalPodAutoscalers of autoscaling/v1: one target, for the use of CPU. They are stored in autoscaling/v2; what else
//! they have there stands in annotations here, so that a client of this version loses nothing
//! (<https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#api-object>).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::Field;
use super::common::cells::{items, text};
use super::common::defaults::{default_to, ensure, existing, remove};
use super::horizontal_pod_autoscaler::{self as newer, HorizontalPodAutoscaler};
use crate::field::Errors;
use crate::{Column, Descriptor, StoredVersion, Strategy};

const PREFIX: &str = "autoscaling.alpha.kubernetes.io";
/// Annotations that are fields of the status in autoscaling/v2: who writes the spec cannot write them.
const OF_STATUS: [&str; 2] = ["conditions", "current-metrics"];
const CPU: &str = "targetCPUUtilizationPercentage";
const CPU_NOW: &str = "currentCPUUtilizationPercentage";

/// A field of a metric: its name here, and its place in autoscaling/v2, where `%` is `target` in a spec, `current` in a status.
type Moved = (&'static str, &'static str);

/// The types of metrics, the field that holds each, and what that has.
const METRICS: [(&str, &str, &[Moved]); 5] = [
    (
        "ContainerResource",
        "containerResource",
        &[NAME, ("container", "/container"), UTILIZATION, AVERAGE],
    ),
    (
        "External",
        "external",
        &[
            METRIC,
            ("metricSelector", "/metric/selector"),
            VALUE,
            AVERAGE,
        ],
    ),
    (
        "Object",
        "object",
        &[
            METRIC,
            ("selector", "/metric/selector"),
            ("target", "/describedObject"),
            VALUE,
            ("averageValue", "/%/averageValue"),
        ],
    ),
    (
        "Pods",
        "pods",
        &[METRIC, ("selector", "/metric/selector"), AVERAGE],
    ),
    ("Resource", "resource", &[NAME, UTILIZATION, AVERAGE]),
];
const NAME: Moved = ("name", "/name");
const METRIC: Moved = ("metricName", "/metric/name");
const VALUE: Moved = ("%Value", "/%/value");
const AVERAGE: Moved = ("%AverageValue", "/%/averageValue");
const UTILIZATION: Moved = ("%AverageUtilization", "/%/averageUtilization");

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        version: "v1".into(),
        type_name: "io.k8s.api.autoscaling.v1.HorizontalPodAutoscaler".into(),
        strategy: std::sync::Arc::new(HorizontalPodAutoscalerV1),
        ..newer::descriptor()
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
            let reported = &old["metadata"]["annotations"][format!("{PREFIX}/{annotation}")];
            annotate(new, annotation, reported.as_str());
        }
    }

    fn validate(&self, autoscaler: &Value) -> Errors {
        let stored = self.to_stored(autoscaler.clone());
        let mut errors = HorizontalPodAutoscaler.validate(&stored);
        // No schema has looked at what the annotations say.
        let schema = newer::descriptor().schema();
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

fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}

/// Takes what an annotation says; what nobody can read stays where it is.
fn told(object: &mut Value, annotation: &str) -> Value {
    let name = format!("{PREFIX}/{annotation}");
    let read = object["metadata"]["annotations"][&name].as_str();
    let read = serde_json::from_str(read.unwrap_or_default());
    let Ok(value) = read else {
        return Value::Null;
    };
    annotate(object, annotation, None);
    value
}

/// Sets an annotation, or takes it away.
fn annotate(object: &mut Value, annotation: &str, value: Option<&str>) {
    let Some(metadata) = ensure(object, "metadata") else {
        return;
    };
    let name = format!("{PREFIX}/{annotation}");
    if let Some(value) = value {
        if let Some(annotations) = ensure(metadata, "annotations") {
            annotations[name] = value.into();
        }
        return;
    }
    let left = existing(metadata, "annotations").and_then(|annotations| {
        remove(annotations, &name);
        annotations.as_object().map(|left| left.len())
    });
    if left == Some(0) {
        remove(metadata, "annotations");
    }
}

/// Says something in an annotation, unless it is nothing.
fn tell(object: &mut Value, annotation: &str, value: &Value) {
    if is_nothing(value) {
        return;
    }
    annotate(object, annotation, Some(&value.to_string()));
}

/// Whether a metric of autoscaling/v2 is the use of CPU, of which this version has a field.
fn is_of_cpu(metric: &Value, side: &str) -> bool {
    text(metric, "/type") == "Resource"
        && text(metric, "/resource/name") == "cpu"
        && metric["resource"][side]["averageUtilization"].is_i64()
}

#[derive(Clone, Copy, PartialEq)]
enum Way {
    ToNewer,
    ToOlder,
}

/// A metric with what it has where the other version has it; of an unknown type no more than that.
fn moved(metric: &Value, side: &str, way: Way) -> Value {
    let kind = text(metric, "/type");
    let mut moved = json!({"type": kind});
    let Some((_, field, parts)) = METRICS.iter().find(|(name, ..)| *name == kind) else {
        return moved;
    };
    for (older, newer) in *parts {
        let older = format!("/{}", older.replace('%', side));
        let newer = newer.replace('%', side);
        let (from, to) = match way {
            Way::ToNewer => (older, newer),
            Way::ToOlder => (newer, older),
        };
        if let Some(value) = metric[field].pointer(&from) {
            put(&mut moved[field], &to, value.clone());
        }
    }
    if side == "target" && way == Way::ToNewer {
        let target = &moved[field]["target"];
        let of = |part: &str| target.get(part).is_some();
        let kind = if of("averageUtilization") {
            "Utilization"
        } else if of("averageValue") {
            "AverageValue"
        } else {
            "Value"
        };
        put(&mut moved[field], "/target/type", kind.into());
    }
    moved
}

/// Puts a value at a JSON pointer, of which nothing but maps is there yet.
fn put(object: &mut Value, pointer: &str, value: Value) {
    let parts = pointer.split('/').skip(1);
    *parts.fold(object, |place, part| &mut place[part]) = value;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{create_errors, created, row};

    fn autoscaler(spec: Value) -> Value {
        let mut autoscaler = json!({
            "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 5},
        });
        for (field, value) in spec.as_object().unwrap() {
            autoscaler["spec"][field] = value.clone();
        }
        autoscaler
    }

    fn stored(metrics: Value) -> Value {
        let mut stored = autoscaler(json!({"minReplicas": 2, "metrics": metrics}));
        stored["apiVersion"] = "autoscaling/v2".into();
        stored
    }

    fn of_cpu(percent: i64) -> Value {
        json!({
            "type": "Resource",
            "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": percent}},
        })
    }

    #[test]
    fn a_target_for_cpu_is_a_metric() {
        let strategy = HorizontalPodAutoscalerV1;
        let older = autoscaler(json!({"minReplicas": 2, "targetCPUUtilizationPercentage": 50}));
        let newer = stored(json!([of_cpu(50)]));
        assert_eq!(strategy.to_stored(older.clone()), newer);
        assert_eq!(strategy.of_stored(newer), older);
    }

    #[test]
    fn what_is_left_out_is_as_in_the_newer_version() {
        let object = created(&HorizontalPodAutoscalerV1, &autoscaler(json!({})));
        assert_eq!(object["spec"]["minReplicas"], 1);
        assert_eq!(object["spec"]["targetCPUUtilizationPercentage"], 80);
        assert_eq!(
            row(&HorizontalPodAutoscalerV1, &object)[2].1,
            "cpu: <unknown>/80%"
        );
        assert_eq!(
            create_errors(
                &HorizontalPodAutoscalerV1,
                &autoscaler(json!({"minReplicas": 6}))
            ),
            ["spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`"]
        );
    }

    #[test]
    fn nothing_is_lost_on_the_way_there_and_back() {
        let selector = json!({"matchLabels": {"a": "b"}});
        let target = json!({"type": "AverageValue", "averageValue": "3"});
        let mut newer = stored(json!([
            of_cpu(50),
            {"type": "Resource", "resource": {"name": "memory", "target": target}},
            {"type": "ContainerResource", "containerResource": {
                "name": "cpu", "container": "c", "target": {"type": "Utilization", "averageUtilization": 7},
            }},
            {"type": "Pods", "pods": {"metric": {"name": "hits", "selector": selector}, "target": target}},
            {"type": "External", "external": {
                "metric": {"name": "queue", "selector": selector}, "target": {"type": "Value", "value": "9"},
            }},
            {"type": "Object", "object": {
                "metric": {"name": "hits"}, "target": target, "describedObject": {"kind": "Ingress", "name": "door"},
            }},
        ]));
        newer["spec"]["behavior"] = json!({"scaleDown": {"stabilizationWindowSeconds": 10}});
        newer["status"] = json!({
            "currentReplicas": 2, "desiredReplicas": 3,
            "currentMetrics": [{"type": "Resource", "resource": {
                "name": "cpu", "current": {"averageUtilization": 12, "averageValue": "12m"},
            }}],
            "conditions": [{"type": "AbleToScale", "status": "True"}],
        });
        let older = HorizontalPodAutoscalerV1.of_stored(newer.clone());
        assert_eq!(older["spec"]["targetCPUUtilizationPercentage"], 50);
        assert_eq!(older["status"]["currentCPUUtilizationPercentage"], 12);
        let annotations = older["metadata"]["annotations"].as_object().unwrap();
        let names: Vec<&str> = annotations.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            ["behavior", "conditions", "current-metrics", "metrics"]
                .map(|name| format!("{PREFIX}/{name}"))
        );
        let hits = r#"{"pods":{"metricName":"hits","selector":{"matchLabels":{"a":"b"}},"targetAverageValue":"3"},"type":"Pods"}"#;
        let metrics = annotations["autoscaling.alpha.kubernetes.io/metrics"].as_str();
        assert!(metrics.unwrap().contains(hits), "{metrics:?}");
        assert_eq!(HorizontalPodAutoscalerV1.to_stored(older), newer);
    }

    #[test]
    fn who_writes_the_spec_does_not_write_the_status() {
        let strategy = HorizontalPodAutoscalerV1;
        let annotated = |conditions: &str, others: Value| {
            let mut object = autoscaler(json!({"minReplicas": 2}));
            object["metadata"]["annotations"] = others;
            object["metadata"]["annotations"][format!("{PREFIX}/conditions")] = conditions.into();
            object
        };
        for conditions in [r#"[{"type":"AbleToScale","status":"True"}]"#, "much"] {
            let object = created(&strategy, &annotated(conditions, json!({})));
            let stored = strategy.to_stored(object);
            assert_eq!(stored["status"].get("conditions"), None);
            assert_eq!(stored["metadata"].get("annotations"), None);
        }
        let reported = r#"[{"type":"AbleToScale","status":"False"}]"#;
        let old = annotated(reported, json!({"mine": "1"}));
        for (mut new, left) in [
            (annotated("[]", json!({"mine": "2"})), json!({"mine": "2"})),
            (autoscaler(json!({})), json!({})),
        ] {
            strategy.prepare_update(&mut new, &old);
            let mut expected = left;
            expected[format!("{PREFIX}/conditions")] = reported.into();
            assert_eq!(new["metadata"]["annotations"], expected);
        }
    }

    #[test]
    fn annotations_may_say_anything() {
        let annotated = |annotation: &str| {
            let mut object = autoscaler(json!({}));
            let name = format!("{PREFIX}/metrics");
            object["metadata"]["annotations"] = json!({name: annotation});
            object
        };
        // What nobody can read stays where it is.
        let unread = annotated("much");
        let stored = HorizontalPodAutoscalerV1.to_stored(unread.clone());
        assert_eq!(stored["metadata"], unread["metadata"]);

        for (metrics, expected) in [
            (
                r#"[{"type":"Resource","resource":{"name":{},"targetAverageUtilization":5}}]"#,
                "metadata.annotations: Invalid value: ",
            ),
            (
                r#"[{"type":"Resource","resource":{"name":"memory"}}]"#,
                "spec.metrics[0].resource.target.averageUtilization: Required value",
            ),
        ] {
            let errors = create_errors(&HorizontalPodAutoscalerV1, &annotated(metrics));
            assert!(
                errors.iter().any(|error| error.starts_with(expected)),
                "{errors:?}"
            );
        }
    }
}
