//! What the metrics of an autoscaler say now: each is asked of the API that has it, `metrics.k8s.io`, `custom.metrics.k8s.io` or
//! `external.metrics.k8s.io`.

mod custom;
mod external;
mod path;
mod usage;

use std::collections::HashMap;

use k8s_openapi::api::autoscaling::v2::MetricSpec;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use kube::Client;
use kube::core::Status;
use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use skiff_api::{Quantity, Selector};

pub(super) use usage::PodUsage;

use crate::writes::{status_of, words};

/// What a metric says.
#[derive(Clone, Debug)]
pub(super) enum Reading {
    /// By the names of Pods.
    Pods(HashMap<String, PodUsage>),
    /// Thousandths, of an object or of something that is none of the cluster's.
    Total(i64),
}

/// What was read for a metric; if that failed, why, in the words of conditions and events.
pub(super) type Read = Result<Reading, String>;

/// Whose metrics are read.
pub(super) struct Source<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    /// Of the Pods.
    pub(super) selector: &'a str,
}

/// Reads each metric, in their order.
pub(super) async fn read(source: &Source<'_>, metrics: &[MetricSpec]) -> Vec<Read> {
    let mut all = Vec::new();
    let mut usage: Option<Read> = None;
    for metric in metrics {
        all.push(match (&metric.pods, &metric.object, &metric.external) {
            (Some(pods), _, _) => custom::of_pods(source, &pods.metric).await,
            (_, Some(object), _) => {
                custom::of_object(source, &object.described_object, &object.metric).await
            }
            (_, _, Some(external)) => external::total(source, &external.metric).await,
            // One answer has all resources.
            _ => match &usage {
                Some(known) => known.clone(),
                None => usage.insert(usage::usage(source).await).clone(),
            },
        });
    }
    all
}

/// What an API of metrics answers; an error in the words of Kubernetes' own clients, to whom `resource` is what was asked for.
async fn ask<T: DeserializeOwned>(
    client: &Client,
    path: String,
    resource: &str,
) -> Result<T, String> {
    let request = http::Request::get(path).body(Vec::new());
    let request = request.map_err(|error| error.to_string())?;
    client.request(request).await.map_err(|error| {
        let unknown = |status: &&Status| status.code == 404 && status.reason != "NotFound";
        match status_of(&error).filter(unknown) {
            Some(_) => format!("the server could not find the requested resource (get {resource})"),
            None => words(&error),
        }
    })
}

/// A quantity in thousandths.
fn milli<'de, D: Deserializer<'de>>(value: D) -> Result<i64, D::Error> {
    let text = String::deserialize(value)?;
    let quantity: Quantity = text.parse().map_err(D::Error::custom)?;
    Ok(quantity.milli_value())
}

/// The labels of a metric as a query has them.
fn labels(selector: Option<&LabelSelector>) -> Result<String, String> {
    let Some(selector) = selector else {
        return Ok(String::new());
    };
    let parsed = Selector::of(Some(selector)).map_err(|wrong| {
        let wrong = wrong.first().map(ToString::to_string);
        wrong.unwrap_or_default()
    })?;
    Ok(parsed.to_string())
}
