//! Metrics of one object, and of what is outside of the cluster.

use std::fmt::Write;

use k8s_openapi::api::autoscaling::v2::{
    ExternalMetricSource, ExternalMetricStatus, MetricStatus, MetricTarget, MetricValueStatus,
    ObjectMetricSource, ObjectMetricStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;

use super::super::ratio::{Target, wanted};
use super::super::readings::{Read, Reading};
use super::{Told, View, amount, milli};

/// What a metric of an object wants.
pub(super) fn of_object(
    source: &ObjectMetricSource,
    read: &Read,
    view: &View<'_>,
) -> Result<Told, String> {
    let (name, object) = (&source.metric.name, &source.described_object);
    // In this order, as users know it.
    let unable = |why: &str| {
        format!(
            "unable to get metric {name}: {} on {} {}/{why}",
            object.kind, view.namespace, object.name
        )
    };
    let target = target(&source.target).ok_or(
        "invalid object metric source: neither a value target nor an average value target was set",
    )?;
    let (replicas, now) = wanted(total(read).map_err(unable)?, target, &view.counts)?;
    let status = MetricStatus {
        type_: "Object".to_owned(),
        object: Some(ObjectMetricStatus {
            current: current(target, now),
            described_object: object.clone(),
            metric: source.metric.clone(),
        }),
        ..MetricStatus::default()
    };
    Ok(Told {
        replicas,
        name: format!("{} metric {name}", object.kind),
        status,
    })
}

/// What a metric of something outside wants.
pub(super) fn of_external(
    source: &ExternalMetricSource,
    read: &Read,
    view: &View<'_>,
) -> Result<Told, String> {
    let name = &source.metric.name;
    let selector = shown(source.metric.selector.as_ref());
    let namespace = view.namespace;
    let unable =
        |why: &str| format!("unable to get external metric {namespace}/{name}/{selector}: {why}");
    let target = target(&source.target).ok_or(
        "invalid external metric source: neither a value target nor an average value target was set",
    )?;
    let (replicas, now) = wanted(total(read).map_err(unable)?, target, &view.counts)?;
    let status = MetricStatus {
        type_: "External".to_owned(),
        external: Some(ExternalMetricStatus {
            current: current(target, now),
            metric: source.metric.clone(),
        }),
        ..MetricStatus::default()
    };
    Ok(Told {
        replicas,
        name: format!("external metric {name}({selector})"),
        status,
    })
}

fn target(target: &MetricTarget) -> Option<Target> {
    let average = milli(target.average_value.as_ref()).map(Target::Average);
    average.or_else(|| milli(target.value.as_ref()).map(Target::Value))
}

fn total(read: &Read) -> Result<i64, &str> {
    match read {
        Ok(Reading::Total(total)) => Ok(*total),
        Ok(Reading::Pods(_)) => Err("no metric of an object"),
        Err(why) => Err(why),
    }
}

fn current(target: Target, milli: i64) -> MetricValueStatus {
    let mut current = MetricValueStatus::default();
    match target {
        Target::Value(_) => current.value = Some(amount(milli)),
        Target::Average(_) => current.average_value = Some(amount(milli)),
    }
    current
}

/// A selector as Kubernetes' own controller writes it into messages.
fn shown(selector: Option<&LabelSelector>) -> String {
    let Some(selector) = selector else {
        return "nil".to_owned();
    };
    let mut text = "&LabelSelector{MatchLabels:map[string]string{".to_owned();
    for (key, value) in selector.match_labels.iter().flatten() {
        let _ = write!(text, "{key}: {value},");
    }
    text.push_str("},MatchExpressions:[]LabelSelectorRequirement{");
    for one in selector.match_expressions.iter().flatten() {
        let values = one.values.as_deref().unwrap_or_default().join(" ");
        let _ = write!(
            text,
            "LabelSelectorRequirement{{Key:{},Operator:{},Values:[{values}],}},",
            one.key, one.operator
        );
    }
    text.push_str("},}");
    text
}
