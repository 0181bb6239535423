//! Metrics of what is none of the cluster's objects: `external.metrics.k8s.io`, as an adapter serves it
//! (<https://github.com/kubernetes/design-proposals-archive/blob/main/instrumentation/external-metrics-api.md>).

use k8s_openapi::api::autoscaling::v2::MetricIdentifier;
use serde::Deserialize;

use super::path::{self, Query, encoded};
use super::{Read, Reading, Source, ask, labels, milli};

const GROUP: &str = "external.metrics.k8s.io";

/// An ExternalMetricValueList.
#[derive(Deserialize)]
struct Values {
    items: Vec<ExternalMetricValue>,
}

#[derive(Deserialize)]
struct ExternalMetricValue {
    #[serde(deserialize_with = "milli")]
    value: i64,
}

/// All values of a metric together.
pub(super) async fn total(source: &Source<'_>, metric: &MetricIdentifier) -> Read {
    let labels = labels(metric.selector.as_ref())?;
    let base = format!(
        "/apis/{GROUP}/v1beta1/namespaces/{}/{}",
        source.namespace,
        encoded(&metric.name)
    );
    let asked = path::with(base, &[(Query::Labels, &labels)]);
    let resource = format!("{}.{GROUP}", metric.name);
    let fetched: Values = ask(source.client, asked, &resource)
        .await
        .map_err(|why| format!("unable to fetch metrics from external metrics API: {why}"))?;
    if fetched.items.is_empty() {
        return Err("no metrics returned from external metrics API".to_owned());
    }
    let values = fetched.items.iter().map(|value| value.value);
    Ok(Reading::Total(values.fold(0, i64::saturating_add)))
}
