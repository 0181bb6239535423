//! What the API server says, now and at a revision.

use anyhow::Context;
use http::Request;
use kube::{Client, Error};
use serde_json::Value;

use super::resource::{Resource, Target};

/// The objects of a resource in a namespace at a revision, or as they are now.
///
/// # Errors
/// If the revision is not kept any more, or the API server does not answer.
pub(super) async fn list(
    client: &Client,
    resource: &Resource,
    namespace: &str,
    name: Option<&str>,
    revision: Option<u64>,
) -> anyhow::Result<Vec<Value>> {
    let mut query = Vec::new();
    query.extend(name.map(|name| format!("fieldSelector=metadata.name%3D{name}")));
    query.extend(
        revision.map(|revision| format!("resourceVersion={revision}&resourceVersionMatch=Exact")),
    );
    let path = format!("{}?{}", resource.path(namespace), query.join("&"));
    let mut list: Value = client
        .request(get(&path)?)
        .await
        .with_context(|| format!("the {} of that time", resource.name()))?;
    let (version, kind) = (list["apiVersion"].take(), kind_of(&list));
    let Value::Array(mut items) = list["items"].take() else {
        return Ok(Vec::new());
    };
    for item in &mut items {
        item["apiVersion"] = version.clone();
        item["kind"] = kind.clone().into();
    }
    Ok(items)
}

/// The newest revision of all.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn newest(client: &Client, resource: &Resource) -> anyhow::Result<u64> {
    let path = format!("{}?limit=1", resource.path("default"));
    let list: Value = client.request(get(&path)?).await?;
    revision_of(&list).context("the revision of a list")
}

/// The object as it is now.
///
/// # Errors
/// If the API server does not answer.
pub(super) async fn current(client: &Client, target: &Target) -> anyhow::Result<Option<Value>> {
    let path = format!(
        "{}/{}",
        target.resource.path(&target.namespace),
        target.name
    );
    match client.request(get(&path)?).await {
        Ok(object) => Ok(Some(object)),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error).with_context(|| format!("get {target}")),
    }
}

/// The revision in which an object was written.
pub(super) fn revision_of(object: &Value) -> Option<u64> {
    object["metadata"]["resourceVersion"].as_str()?.parse().ok()
}

pub(super) fn get(path: &str) -> anyhow::Result<Request<Vec<u8>>> {
    Request::get(path).body(Vec::new()).context("the request")
}

/// Items of a list have no kind of their own.
fn kind_of(list: &Value) -> String {
    let kind = list["kind"].as_str().unwrap_or_default();
    kind.strip_suffix("List").unwrap_or(kind).to_owned()
}
