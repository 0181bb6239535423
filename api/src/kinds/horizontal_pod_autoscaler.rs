//! HorizontalPodAutoscalers (autoscaling/v2).

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{items, number, text};
use super::common::defaults::{default_to, ensure, existing};
use super::common::{Field, cells, checks, describe};
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Quantity, Strategy, names};

/// The longest window of stabilization, and the longest period of a policy, in seconds.
const MAX_WINDOW_SECONDS: i64 = 3600;
const MAX_PERIOD_SECONDS: i64 = 1800;
/// The types of metrics with the field that holds each.
const METRICS: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];
/// As many metrics are shown in a list.
const SHOWN: usize = 2;
const UNKNOWN: &str = "<unknown>";

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
            default_behavior(behavior);
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
            validate_metric(&metric, &mut errors);
        }
        for direction in ["scaleUp", "scaleDown"] {
            let rules = spec.get("behavior").get(direction);
            if rules.is_set() {
                validate_rules(&rules, &mut errors);
            }
        }
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
            targets(autoscaler).into(),
            least.into(),
            number(autoscaler, "/spec/maxReplicas").to_string().into(),
            number(autoscaler, "/status/currentReplicas")
                .to_string()
                .into(),
            cells::age(autoscaler, now),
        ]
    }
}

fn default_behavior(behavior: &mut Value) {
    let all = json!({"type": "Percent", "value": 100, "periodSeconds": 15});
    let four = json!({"type": "Pods", "value": 4, "periodSeconds": 15});
    for (direction, policies) in [("scaleUp", json!([four, all])), ("scaleDown", json!([all]))] {
        let Some(rules) = ensure(behavior, direction) else {
            continue;
        };
        default_to(rules, "selectPolicy", "Max");
        if direction == "scaleUp" {
            default_to(rules, "stabilizationWindowSeconds", 0);
        }
        if rules["policies"].is_null() {
            rules["policies"] = policies;
        }
    }
}

fn validate_metric(metric: &Field<'_>, errors: &mut Errors) {
    let types: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
    let kind = metric.get("type");
    checks::one_of(&kind, &types, errors);
    let Some((_, field)) = METRICS.iter().find(|(name, _)| *name == kind.str()) else {
        return;
    };
    let source = metric.get(field);
    if !source.is_set() {
        let words = format!("must populate information for the given metric source type: {field}");
        errors.push(source.required(&words));
        return;
    }
    if kind.str() == "ContainerResource" {
        checks::required(&source.get("container"), errors);
    }
    let name = match kind.str() {
        "Resource" | "ContainerResource" => source.get("name"),
        _ => source.get("metric").get("name"),
    };
    let target = source.get("target");
    if name.is_empty() {
        errors.push(name.required("must specify a metric name"));
    }
    checks::one_of(
        &target.get("type"),
        &["AverageValue", "Utilization", "Value"],
        errors,
    );
    if kind.str() == "Object" {
        for field in ["kind", "name"] {
            checks::required(&source.get("describedObject").get(field), errors);
        }
    }
    validate_target(kind.str(), &target, errors);
}

/// What the target of a metric of this type must say.
fn validate_target(kind: &str, target: &Field<'_>, errors: &mut Errors) {
    let utilization = target.get("averageUtilization");
    let (average, value) = (target.get("averageValue"), target.get("value"));
    for amount in [&value, &average] {
        let known = Quantity::from_json(amount.value());
        if known.is_ok_and(|known| known <= Quantity::ZERO) {
            errors.push(amount.invalid("must be positive"));
        }
    }
    if utilization.int().is_some_and(|percent| percent < 1) {
        errors.push(utilization.invalid("must be greater than 0"));
    }
    let wrong = match (kind, average.is_set()) {
        ("Resource" | "ContainerResource", true) if utilization.is_set() => {
            average.forbidden("may not set both a target raw value and a target utilization")
        }
        ("Resource" | "ContainerResource", false) if !utilization.is_set() => {
            utilization.required("must set either a target raw value or a target utilization")
        }
        ("Pods", false) => average.required("must specify a positive target averageValue"),
        ("Object", false) if !value.is_set() => {
            average.required("must set either a target value or averageValue")
        }
        ("External", false) if !value.is_set() => {
            average.required("must set either a target value for metric or a per-pod target")
        }
        ("External", true) if value.is_set() => {
            value.forbidden("may not set both a target value for metric and a per-pod target")
        }
        _ => return,
    };
    errors.push(wrong);
}

fn validate_rules(rules: &Field<'_>, errors: &mut Errors) {
    let window = rules.get("stabilizationWindowSeconds");
    match window.int() {
        Some(..0) => errors.push(window.invalid("must be greater than or equal to zero")),
        Some(seconds) if seconds > MAX_WINDOW_SECONDS => {
            errors.push(window.invalid(format!(
                "must be less than or equal to {MAX_WINDOW_SECONDS}"
            )));
        }
        _ => {}
    }
    let tolerance = rules.get("tolerance");
    let known = Quantity::from_json(tolerance.value());
    if known.is_ok_and(|known| known < Quantity::ZERO) {
        errors.push(tolerance.invalid("must be greater than or equal to 0"));
    }
    let select = rules.get("selectPolicy");
    checks::one_of_if_set(&select, &["Disabled", "Max", "Min"], errors);
    let policies = rules.get("policies");
    if policies.is_set() && policies.is_empty() {
        errors.push(policies.required("must specify at least one Policy"));
    }
    for policy in policies.items() {
        checks::one_of(&policy.get("type"), &["Percent", "Pods"], errors);
        let (value, period) = (policy.get("value"), policy.get("periodSeconds"));
        if value.int().unwrap_or(0) <= 0 {
            errors.push(value.invalid("must be greater than zero"));
        }
        if let Some(seconds) = period.int() {
            let wrong = names::in_range(seconds, 1, MAX_PERIOD_SECONDS);
            errors.extend(period.invalid_each(wrong));
        }
    }
}

/// `cpu: 12%/50%, memory: 3Mi/1Gi`
fn targets(autoscaler: &Value) -> String {
    let metrics = items(autoscaler, "/spec/metrics");
    if metrics.is_empty() {
        return "<none>".to_owned();
    }
    let current = items(autoscaler, "/status/currentMetrics");
    let mut shown: Vec<String> = metrics
        .iter()
        .enumerate()
        .map(|(at, metric)| target(metric, current.get(at)))
        .collect();
    let more = shown.len().saturating_sub(SHOWN);
    shown.truncate(SHOWN);
    let shown = shown.join(", ");
    match more {
        0 => shown,
        more => format!("{shown} + {more} more..."),
    }
}

fn target(metric: &Value, current: Option<&Value>) -> String {
    let kind = text(metric, "/type");
    let Some((_, field)) = METRICS.iter().find(|(name, _)| *name == kind) else {
        return "<unknown type>".to_owned();
    };
    let target = &metric[field]["target"];
    let now = current.map_or(&Value::Null, |current| &current[field]["current"]);
    let amount = |value: &Value| value.as_str().unwrap_or(UNKNOWN).to_owned();
    let percent = |value: &Value, none: &str| match value.as_i64() {
        Some(percent) => format!("{percent}%"),
        None => none.to_owned(),
    };
    let average = target["averageValue"].is_string();
    match kind {
        "Resource" | "ContainerResource" => {
            let name = text(metric, &format!("/{field}/name"));
            if average {
                let now = amount(&now["averageValue"]);
                format!("{name}: {now}/{}", amount(&target["averageValue"]))
            } else {
                let now = percent(&now["averageUtilization"], UNKNOWN);
                let target = percent(&target["averageUtilization"], "<auto>");
                format!("{name}: {now}/{target}")
            }
        }
        _ if average => format!(
            "{}/{}{}",
            amount(&now["averageValue"]),
            amount(&target["averageValue"]),
            if kind == "Pods" { "" } else { " (avg)" }
        ),
        _ => format!("{}/{}", amount(&now["value"]), amount(&target["value"])),
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
