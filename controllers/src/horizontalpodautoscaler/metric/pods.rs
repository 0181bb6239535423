//! Metrics of the Pods themselves.

use std::collections::HashMap;

use k8s_openapi::api::autoscaling::v2::{
    ContainerResourceMetricSource, ContainerResourceMetricStatus, MetricStatus, MetricTarget,
    MetricValueStatus, PodsMetricSource, PodsMetricStatus, ResourceMetricSource,
    ResourceMetricStatus,
};
use skiff_api::Quantity;

use super::super::readings::{PodUsage, Read, Reading};
use super::super::replicas::{Metric, Seen, Target, Wanted, wanted};
use super::{Told, View, amount, milli};

/// What the use of a resource wants.
pub(super) fn of_resource(
    source: &ResourceMetricSource,
    read: &Read,
    view: &View<'_>,
) -> Result<Told, String> {
    let told = of_use(&source.name, None, &source.target, read, view)?;
    let status = MetricStatus {
        type_: "Resource".to_owned(),
        resource: Some(ResourceMetricStatus {
            current: current(&source.name, told),
            name: source.name.clone(),
        }),
        ..MetricStatus::default()
    };
    Ok(Told {
        replicas: told.replicas,
        name: name(&source.name, "resource", &source.target),
        status,
    })
}

/// What the use of a resource by one container of each Pod wants.
pub(super) fn of_container(
    source: &ContainerResourceMetricSource,
    read: &Read,
    view: &View<'_>,
) -> Result<Told, String> {
    let container = Some(source.container.as_str());
    let told = of_use(&source.name, container, &source.target, read, view)?;
    let status = MetricStatus {
        type_: "ContainerResource".to_owned(),
        container_resource: Some(ContainerResourceMetricStatus {
            container: source.container.clone(),
            current: current(&source.name, told),
            name: source.name.clone(),
        }),
        ..MetricStatus::default()
    };
    Ok(Told {
        replicas: told.replicas,
        name: name(&source.name, "container resource", &source.target),
        status,
    })
}

/// What a custom metric of Pods wants.
pub(super) fn of_pods(
    source: &PodsMetricSource,
    read: &Read,
    view: &View<'_>,
) -> Result<Told, String> {
    let target = milli(source.target.average_value.as_ref());
    let metric = Metric {
        resource: "",
        container: None,
        target: Target::Average(target.ok_or("must specify a positive target averageValue")?),
    };
    let name = &source.metric.name;
    let unable = |why: &str| format!("unable to get metric {name}: {why}");
    let told = wanted(&metric, &seen(usage(read).map_err(unable)?, view))?;
    let status = MetricStatus {
        type_: "Pods".to_owned(),
        pods: Some(PodsMetricStatus {
            current: MetricValueStatus {
                average_value: Some(amount(told.average_milli)),
                ..MetricValueStatus::default()
            },
            metric: source.metric.clone(),
        }),
        ..MetricStatus::default()
    };
    Ok(Told {
        replicas: told.replicas,
        name: format!("pods metric {name}"),
        status,
    })
}

fn of_use(
    resource: &str,
    container: Option<&str>,
    target: &MetricTarget,
    read: &Read,
    view: &View<'_>,
) -> Result<Wanted, String> {
    let wish = match (
        milli(target.average_value.as_ref()),
        target.average_utilization,
    ) {
        (Some(average), _) => Target::Average(average),
        (None, Some(percent)) => Target::Utilization(percent),
        (None, None) => {
            return Err("invalid resource metric source: neither an average utilization target nor an average value (usage) target was set".to_owned());
        }
    };
    let noun = match wish {
        Target::Average(_) => "usage",
        Target::Utilization(_) => "utilization",
    };
    let metric = Metric {
        resource,
        container,
        target: wish,
    };
    let unable = |why: &str| format!("unable to get metrics for resource {resource}: {why}");
    usage(read)
        .map_err(unable)
        .and_then(|usage| wanted(&metric, &seen(usage, view)))
        .map_err(|why| format!("failed to get {resource} {noun}: {why}"))
}

fn usage(read: &Read) -> Result<&HashMap<String, PodUsage>, &str> {
    match read {
        Ok(Reading::Pods(usage)) => Ok(usage),
        Ok(Reading::Total(_)) => Err("no metrics of pods"),
        Err(why) => Err(why),
    }
}

fn seen<'a>(usage: &'a HashMap<String, PodUsage>, view: &View<'a>) -> Seen<'a> {
    Seen {
        current: view.counts.current,
        pods: view.counts.pods,
        usage,
        tolerance: view.counts.tolerance,
        now: view.now,
    }
}

fn current(resource: &str, wanted: Wanted) -> MetricValueStatus {
    let average = match resource {
        // Whole bytes read better than thousandths of them.
        "memory" => Quantity::from_value(wanted.average_milli / 1000),
        _ => Quantity::from_milli(wanted.average_milli),
    };
    MetricValueStatus {
        average_utilization: wanted.utilization,
        average_value: Some(average.into()),
        value: None,
    }
}

fn name(resource: &str, kind: &str, target: &MetricTarget) -> String {
    match target.average_value {
        Some(_) => format!("{resource} {kind}"),
        None => format!("{resource} {kind} utilization (percentage of request)"),
    }
}
