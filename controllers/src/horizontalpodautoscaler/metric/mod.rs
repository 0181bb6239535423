//! One metric: what it wants, in the words of conditions, events and the status.

mod pods;
mod total;

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{MetricSpec, MetricStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as Amount;
use skiff_api::Quantity;

use super::ratio::Counts;
use super::readings::Read;

/// What a metric wants.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) replicas: i32,
    /// In the words of conditions and events.
    pub(super) name: String,
    pub(super) status: MetricStatus,
}

/// A metric that says nothing.
#[derive(Debug)]
pub(super) struct Failure {
    /// Of the condition and the event.
    pub(super) reason: &'static str,
    pub(super) why: String,
    /// Why, where all metrics are told of together.
    pub(super) within: String,
}

/// What is known beside the metric.
pub(super) struct View<'a> {
    pub(super) namespace: &'a str,
    pub(super) counts: Counts<'a>,
    pub(super) now: Timestamp,
}

/// What a metric wants by what was read.
pub(super) fn tell(spec: &MetricSpec, read: &Read, view: &View<'_>) -> Result<Told, Failure> {
    let failure = |reason, of: &str| {
        let of = of.to_owned();
        move |why: String| Failure {
            reason,
            within: format!("failed to get {of} metric value: {why}"),
            why,
        }
    };
    if let Some(one) = &spec.resource {
        let failed = failure("FailedGetResourceMetric", &format!("{} resource", one.name));
        return pods::of_resource(one, read, view).map_err(failed);
    }
    if let Some(one) = &spec.container_resource {
        let of = format!("{} container", one.container);
        let failed = failure("FailedGetContainerResourceMetric", &of);
        return pods::of_container(one, read, view).map_err(failed);
    }
    if let Some(one) = &spec.pods {
        let failed = failure("FailedGetPodsMetric", "pods");
        return pods::of_pods(one, read, view).map_err(failed);
    }
    if let Some(one) = &spec.object {
        let failed = failure("FailedGetObjectMetric", "object");
        return total::of_object(one, read, view).map_err(failed);
    }
    if let Some(one) = &spec.external {
        let of = format!("{} external", one.metric.name);
        let failed = failure("FailedGetExternalMetric", &of);
        return total::of_external(one, read, view).map_err(failed);
    }
    let why = format!("unknown metric source type {:?}", spec.type_);
    Err(Failure {
        reason: "InvalidMetricSourceType",
        within: why.clone(),
        why,
    })
}

/// So many thousandths.
fn amount(milli: i64) -> Amount {
    Quantity::from_milli(milli).into()
}

/// The thousandths of a target.
fn milli(amount: Option<&Amount>) -> Option<i64> {
    Some(Quantity::of(amount?).ok()?.milli_value())
}
