//! `/metrics`: what the kubelet has, in the names of the real one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use k8s_openapi::api::core::v1::Pod;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::Served;
use super::answer::Refused;
use crate::runtime::Runtime;

/// Counts the Pods and containers that run on this node.
pub(super) async fn serve<R: Runtime>(
    State(served): State<Arc<Served<R>>>,
) -> Result<Response, Refused> {
    let pods = served.pods.list();
    let is_running = |pod: &Pod| {
        let phase = pod
            .status
            .as_ref()
            .and_then(|status| status.phase.as_deref());
        phase == Some("Running")
    };
    let containers = |pod: &Pod| {
        let status = pod.status.as_ref();
        let all = status
            .and_then(|status| status.container_statuses.as_deref())
            .unwrap_or_default();
        all.iter().filter(|one| one.started == Some(true)).count()
    };
    let mut registry = Registry::default();
    let mut gauge = |name: &str, help: &str, value: usize| {
        let gauge = Gauge::<i64>::default();
        gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        registry.register(name, help, gauge);
    };
    gauge(
        "kubelet_running_pods",
        "Number of pods that have a running pod sandbox",
        pods.iter().filter(|pod| is_running(pod)).count(),
    );
    gauge(
        "kubelet_running_containers",
        "Number of containers currently running",
        pods.iter().map(|pod| containers(pod)).sum(),
    );
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| Refused::internal(error.to_string()))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind)], text).into_response())
}
