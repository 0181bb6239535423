//! Metrics of Pods and of other objects: `custom.metrics.k8s.io`, as an adapter serves it
//! (<https://github.com/kubernetes/design-proposals-archive/blob/main/instrumentation/custom-metrics-api.md>).

use jiff::Timestamp;
use k8s_openapi::api::autoscaling::v2::{CrossVersionObjectReference, MetricIdentifier};
use kube::Client;
use kube::core::GroupVersionKind;
use serde::Deserialize;

use super::path::{self, Query, encoded};
use super::{PodUsage, Read, Reading, Source, ask, labels, milli};
use crate::resources::resource_of;
use crate::writes::words;

const GROUP: &str = "custom.metrics.k8s.io";

/// A MetricValueList of any version.
#[derive(Deserialize)]
struct Values {
    items: Vec<MetricValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetricValue {
    described_object: Described,
    timestamp: Timestamp,
    #[serde(deserialize_with = "milli")]
    value: i64,
}

#[derive(Deserialize)]
struct Described {
    name: String,
}

/// A metric of each Pod.
pub(super) async fn of_pods(source: &Source<'_>, metric: &MetricIdentifier) -> Read {
    let labels = labels(metric.selector.as_ref())?;
    let fetched = fetch(source, "pods/*", metric, [source.selector, &labels]).await?;
    if fetched.items.is_empty() {
        return Err("no metrics returned from custom metrics API".to_owned());
    }
    let pods = fetched.items.into_iter().map(|item| {
        let usage = PodUsage::of_pod(item.timestamp, item.value);
        (item.described_object.name, usage)
    });
    Ok(Reading::Pods(pods.collect()))
}

/// A metric of one object.
pub(super) async fn of_object(
    source: &Source<'_>,
    object: &CrossVersionObjectReference,
    metric: &MetricIdentifier,
) -> Read {
    let labels = labels(metric.selector.as_ref())?;
    let of = if object.kind == "Namespace" {
        // One's own: no reference leads out of a namespace.
        "metrics".to_owned()
    } else {
        let resource = resource_name(source.client, object).await?;
        format!("{resource}/{}", encoded(&object.name))
    };
    let fetched = fetch(source, &of, metric, ["", &labels]).await?;
    let [value] = &fetched.items[..] else {
        return Err(failed(&format!(
            "the custom metrics API server returned {} results when we asked for exactly one",
            fetched.items.len()
        )));
    };
    Ok(Reading::Total(value.value))
}

async fn fetch(
    source: &Source<'_>,
    of: &str,
    metric: &MetricIdentifier,
    [labels, metric_labels]: [&str; 2],
) -> Result<Values, String> {
    let version = version(source.client).await.map_err(|why| failed(&why))?;
    let path = format!(
        "/apis/{GROUP}/{version}/namespaces/{}/{of}/{}",
        source.namespace,
        encoded(&metric.name)
    );
    let query = [
        (Query::Labels, labels),
        (Query::MetricLabels, metric_labels),
    ];
    let resource = format!("{}.{GROUP}", of.split('/').next().unwrap_or(of));
    let asked = ask(source.client, path::with(path, &query), &resource).await;
    asked.map_err(|why| failed(&why))
}

/// The version that the adapter prefers.
async fn version(client: &Client) -> Result<String, String> {
    let served = client
        .list_api_groups()
        .await
        .map_err(|error| words(&error))?;
    let group = served.groups.into_iter().find(|group| group.name == GROUP);
    let group = group.ok_or_else(|| format!("no custom metrics API ({GROUP}) registered"))?;
    let preferred = group.preferred_version.map(|preferred| preferred.version);
    Ok(preferred.unwrap_or_else(|| "v1beta1".to_owned()))
}

/// `services`, `ingresses.networking.k8s.io`.
async fn resource_name(
    client: &Client,
    object: &CrossVersionObjectReference,
) -> Result<String, String> {
    let version = object.api_version.as_deref().unwrap_or("v1");
    let (group, version) = version.split_once('/').unwrap_or(("", version));
    let kind = GroupVersionKind::gvk(group, version, &object.kind);
    let resource = resource_of(client, &kind).await.map_err(|why| {
        let kind = [&object.kind, group].join(".");
        let kind = kind.trim_end_matches('.');
        failed(&format!("unable to map kind {kind} to resource: {why}"))
    })?;
    Ok(match group {
        "" => resource.plural,
        group => format!("{}.{group}", resource.plural),
    })
}

fn failed(why: &str) -> String {
    format!("unable to fetch metrics from custom metrics API: {why}")
}
