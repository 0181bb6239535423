//! What an autoscaler goes by.

use crate::Quantity;
use crate::field::Errors;
use crate::kinds::common::{Field, checks};

/// The types of metrics with the field that holds each.
pub(super) const METRICS: [(&str, &str); 5] = [
    ("ContainerResource", "containerResource"),
    ("External", "external"),
    ("Object", "object"),
    ("Pods", "pods"),
    ("Resource", "resource"),
];

/// What is wrong with one of them.
pub(super) fn validate(metric: &Field<'_>, errors: &mut Errors) {
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
