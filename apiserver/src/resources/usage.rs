//! `metrics.k8s.io`: what Nodes and Pods use, as their kubelets say when they are asked
//! (<https://kubernetes.io/docs/tasks/debug/debug-cluster/resource-metrics-pipeline/>).

mod figures;

use std::collections::BTreeSet;
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use futures::future::join_all;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::{Value, json};
use skiff_api::{GroupResource, Status, metadata};

use crate::api::Api;
use crate::codec::object_of;
use crate::encode;
use crate::kubelet::address_of;
use crate::request::{ListOptions, RequestInfo, Target, not_allowed, unknown};
use crate::storage::Filter;
use crate::virtuals::{METRICS, Virtual};

/// Kubelets that are asked at the same time.
const ASKED_AT_ONCE: usize = 16;
/// A kubelet that takes longer is left out.
const PATIENCE: Duration = Duration::from_secs(10);
/// The most bytes of a kubelet's answer: some hundred for each container.
const MAX_SUMMARY_BYTES: usize = 16 << 20;

/// Answers a get or a list.
pub(super) async fn handle(
    api: &std::sync::Arc<Api>,
    info: &RequestInfo,
    target: &Target,
    resource: &Virtual,
) -> Result<Response, Status> {
    let one = match info.verb {
        "get" => true,
        "list" => false,
        _ => return Err(not_allowed()),
    };
    let objects = wanted(api, info, target, one).await?;
    let mut items = figures(api, resource, &objects).await;
    if one {
        let Some(mut item) = items.pop() else {
            return Err(not_found(target));
        };
        item["kind"] = resource.kind.into();
        item["apiVersion"] = api_version(resource).into();
        return Ok(encode::json(StatusCode::OK, &item));
    }
    let list = json!({
        "kind": format!("{}List", resource.kind),
        "apiVersion": api_version(resource),
        "metadata": {},
        "items": items,
    });
    Ok(encode::json(StatusCode::OK, &list))
}

fn api_version(resource: &Virtual) -> String {
    format!("{}/{}", resource.group, resource.version)
}

fn not_found(target: &Target) -> Status {
    let resource = GroupResource {
        group: METRICS.into(),
        resource: target.resource.clone().into(),
    };
    Status::not_found(&resource, &target.name)
}

/// The Nodes or Pods that are asked for.
async fn wanted(
    api: &std::sync::Arc<Api>,
    info: &RequestInfo,
    target: &Target,
    one: bool,
) -> Result<Vec<Value>, Status> {
    let storage = api.objects.core(&target.resource)?;
    if one {
        let object = storage.get_object(&target.namespace, &target.name).await;
        return object
            .map(|object| vec![object])
            .map_err(|_| not_found(target));
    }
    let descriptor = api.kinds.get("", "v1", &target.resource);
    let descriptor = descriptor.ok_or_else(unknown)?;
    let read = ListOptions::read(&info.query)?;
    let options = ListOptions {
        label_selector: read.label_selector,
        field_selector: read.field_selector,
        ..ListOptions::default()
    };
    let filter = Filter::read(&descriptor, &options)?;
    let listing = storage.list(&target.namespace, &options, &filter).await?;
    let objects = listing.entries.iter();
    objects.map(|entry| object_of(&entry.value)).collect()
}

/// The figures of these objects; those of which there are none are left out.
async fn figures(api: &Api, resource: &Virtual, objects: &[Value]) -> Vec<Value> {
    if resource.resource == "nodes" {
        let answers = summaries(api, objects).await;
        let both = objects.iter().zip(&answers);
        return both
            .filter_map(|(node, answer)| figures::of_node(node, answer.as_ref()?))
            .collect();
    }
    let nodes: BTreeSet<&str> = objects
        .iter()
        .filter_map(|pod| pod["spec"]["nodeName"].as_str())
        .collect();
    let snapshot = api.store.snapshot();
    let nodes = nodes.into_iter().filter_map(|node| {
        let entry = snapshot.get(&format!("/registry/core/nodes/{node}"))?;
        object_of(&entry.value).ok()
    });
    let nodes: Vec<Value> = nodes.collect();
    let answers = summaries(api, &nodes).await;
    let of_pod = |pod: &Value| {
        let mut answers = answers.iter().flatten();
        answers.find_map(|answer| figures::of_pod(pod, answer))
    };
    objects.iter().filter_map(of_pod).collect()
}

/// What the kubelets of these nodes say.
async fn summaries(api: &Api, nodes: &[Value]) -> Vec<Option<Value>> {
    let mut answers = Vec::with_capacity(nodes.len());
    for some in nodes.chunks(ASKED_AT_ONCE) {
        answers.extend(join_all(some.iter().map(|node| summary(api, node))).await);
    }
    answers
}

/// Whether nobody has heard of the node for a while.
fn is_lost(node: &Value) -> bool {
    let conditions = node["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "Unknown")
}

/// What the kubelet of a node says; `None` if it does not.
async fn summary(api: &Api, node: &Value) -> Option<Value> {
    let name = metadata::name(node);
    let address = address_of(node).filter(|_| !is_lost(node))?;
    let request = Request::get("/stats/summary")
        .header("host", &address.host)
        .body(Body::empty())
        .ok()?;
    let asked = async {
        let response = api.kubelets.send(&address, request).await;
        let response = response.map_err(|error| error.to_string())?;
        let code = response.status();
        let body = Limited::new(response.into_body(), MAX_SUMMARY_BYTES);
        let body = body.collect().await.map_err(|error| error.to_string())?;
        if code != StatusCode::OK {
            return Err(code.to_string());
        }
        serde_json::from_slice(&body.to_bytes()).map_err(|error| error.to_string())
    };
    let answer = tokio::time::timeout(PATIENCE, asked).await;
    match answer.unwrap_or_else(|_| Err("it took too long".to_owned())) {
        Ok(summary) => Some(summary),
        Err(error) => {
            tracing::debug!(node = name, error, "a kubelet did not say what it uses");
            None
        }
    }
}
