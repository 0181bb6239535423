//! The two versions beside each other.

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
        ["behavior", "conditions", "current-metrics", "metrics"].map(annotations::name)
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
        object["metadata"]["annotations"][annotations::name("conditions")] = conditions.into();
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
        expected[annotations::name("conditions")] = reported.into();
        assert_eq!(new["metadata"]["annotations"], expected);
    }
}

#[test]
fn annotations_may_say_anything() {
    let annotated = |annotation: &str| {
        let mut object = autoscaler(json!({}));
        let name = annotations::name("metrics");
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
