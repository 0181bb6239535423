//! What all metrics of an autoscaler want together.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricStatus, HorizontalPodAutoscaler, MetricSpec, MetricStatus, MetricTarget,
    MetricValueStatus, ResourceMetricStatus,
};
use k8s_openapi::api::core::v1::Pod;
use skiff_api::Quantity;

use super::replicas::{Metric, Seen, Target, Wanted, wanted};
use super::usage::PodUsage;

/// What the metrics want.
#[derive(Debug)]
pub(super) struct Proposal {
    pub(super) replicas: i32,
    /// The metric that wants the most, in the words of conditions and events.
    pub(super) metric: String,
    /// As the status shows them.
    pub(super) statuses: Vec<MetricStatus>,
    /// What was wrong with the first metric that could not be read, with the reason of a condition.
    pub(super) failure: Option<(&'static str, String)>,
}

/// Everything was wrong.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) reason: &'static str,
    pub(super) why: String,
}

/// The most that any metric wants; an error if none can be read, or those that can would shrink the count.
pub(super) fn propose(
    autoscaler: &HorizontalPodAutoscaler,
    current: i32,
    pods: &[Arc<Pod>],
    usage: &Result<HashMap<String, PodUsage>, String>,
    now: Timestamp,
) -> Result<Proposal, Failed> {
    let metrics = autoscaler.spec.metrics.as_deref().unwrap_or_default();
    let mut proposal = Proposal {
        replicas: 0,
        metric: String::new(),
        statuses: Vec::new(),
        failure: None,
    };
    let mut invalid = 0;
    for spec in metrics {
        match of_metric(spec, current, pods, usage, now) {
            Ok((name, wanted, status)) => {
                if proposal.metric.is_empty() || wanted.replicas > proposal.replicas {
                    proposal.replicas = wanted.replicas;
                    proposal.metric = name;
                }
                proposal.statuses.push(status);
            }
            Err(failed) => {
                invalid += 1;
                proposal.failure.get_or_insert(failed);
            }
        }
    }
    // With a part of the metrics a count may grow, but not shrink.
    if let Some((reason, why)) = &proposal.failure
        && (invalid == metrics.len() || proposal.replicas < current)
    {
        return Err(Failed {
            reason,
            why: format!(
                "invalid metrics ({invalid} invalid out of {}), first error is: {why}",
                metrics.len()
            ),
        });
    }
    Ok(proposal)
}

type OfMetric = (String, Wanted, MetricStatus);

fn of_metric(
    spec: &MetricSpec,
    current: i32,
    pods: &[Arc<Pod>],
    usage: &Result<HashMap<String, PodUsage>, String>,
    now: Timestamp,
) -> Result<OfMetric, (&'static str, String)> {
    let (resource, container, target) = match (&spec.resource, &spec.container_resource) {
        (Some(resource), _) => (&resource.name, None, &resource.target),
        (_, Some(resource)) => (
            &resource.name,
            Some(resource.container.as_str()),
            &resource.target,
        ),
        _ => return Err(no_source(spec)),
    };
    let reason = match container {
        Some(_) => "FailedGetContainerResourceMetric",
        None => "FailedGetResourceMetric",
    };
    let failed = |why: String| {
        let of = match container {
            Some(container) => format!("{resource} container {container}"),
            None => resource.clone(),
        };
        (
            reason,
            format!("failed to get {of} {}: {why}", noun(target)),
        )
    };
    let metric = Metric {
        resource,
        container,
        target: read(target).ok_or_else(|| failed("invalid target".to_owned()))?,
    };
    let unable = |why: &String| {
        failed(format!(
            "unable to get metrics for resource {resource}: {why}"
        ))
    };
    let seen = Seen {
        current,
        pods,
        usage: usage.as_ref().map_err(unable)?,
        now,
    };
    let wanted = wanted(&metric, &seen).map_err(failed)?;
    let name = match (metric.target, container) {
        (Target::Utilization(_), None) => {
            format!("{resource} resource utilization (percentage of request)")
        }
        (Target::Utilization(_), Some(_)) => {
            format!("{resource} container resource utilization (percentage of request)")
        }
        (Target::Average(_), None) => format!("{resource} resource"),
        (Target::Average(_), Some(_)) => format!("{resource} container resource"),
    };
    Ok((name, wanted, status(spec, resource, container, wanted)))
}

/// Metrics of other sources need servers of their own, of which there is none.
fn no_source(spec: &MetricSpec) -> (&'static str, String) {
    let (reason, api) = match spec.type_.as_str() {
        "Object" => ("FailedGetObjectMetric", "custom"),
        "Pods" => ("FailedGetPodsMetric", "custom"),
        "External" => ("FailedGetExternalMetric", "external"),
        other => {
            return (
                "InvalidMetricSourceType",
                format!("unknown metric source type {other:?}"),
            );
        }
    };
    let why = format!(
        "failed to get {} metric value: unable to fetch metrics from {api} metrics API: no {api} metrics API ({api}.metrics.k8s.io) registered",
        spec.type_.to_lowercase()
    );
    (reason, why)
}

fn noun(target: &MetricTarget) -> &'static str {
    match target.average_utilization {
        Some(_) => "utilization",
        None => "usage",
    }
}

fn read(target: &MetricTarget) -> Option<Target> {
    if let Some(average) = &target.average_value {
        return Some(Target::Average(Quantity::of(average).ok()?.milli_value()));
    }
    target.average_utilization.map(Target::Utilization)
}

fn status(
    spec: &MetricSpec,
    resource: &str,
    container: Option<&str>,
    wanted: Wanted,
) -> MetricStatus {
    let average = match resource {
        // Whole bytes read better than thousandths of them.
        "memory" => Quantity::from_value(wanted.average_milli / 1000),
        _ => Quantity::from_milli(wanted.average_milli),
    };
    let current = MetricValueStatus {
        average_utilization: wanted.utilization,
        average_value: Some(average.into()),
        value: None,
    };
    let mut status = MetricStatus {
        type_: spec.type_.clone(),
        ..MetricStatus::default()
    };
    match container {
        Some(container) => {
            status.container_resource = Some(ContainerResourceMetricStatus {
                container: container.to_owned(),
                current,
                name: resource.to_owned(),
            });
        }
        None => {
            status.resource = Some(ResourceMetricStatus {
                current,
                name: resource.to_owned(),
            });
        }
    }
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn failed(metrics: Value) -> Failed {
        let autoscaler = json!({"spec": {"maxReplicas": 3, "scaleTargetRef": {"kind": "Deployment", "name": "web"}, "metrics": metrics}});
        let autoscaler = serde_json::from_value(autoscaler).unwrap();
        let usage = Err("no metrics returned from resource metrics API".to_owned());
        let pod = Arc::new(Pod::default());
        propose(&autoscaler, 1, &[pod], &usage, Timestamp::now()).unwrap_err()
    }

    #[test]
    fn what_cannot_be_read_is_told() {
        let cpu = json!({"type": "Resource", "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 50}}});
        let told = failed(json!([cpu]));
        assert_eq!(told.reason, "FailedGetResourceMetric");
        assert_eq!(
            told.why,
            "invalid metrics (1 invalid out of 1), first error is: failed to get cpu utilization: \
             unable to get metrics for resource cpu: no metrics returned from resource metrics API"
        );
        let pods = json!({"type": "Pods", "pods": {"metric": {"name": "hits"}, "target": {"type": "AverageValue", "averageValue": "1"}}});
        assert_eq!(failed(json!([pods])).reason, "FailedGetPodsMetric");
    }
}
