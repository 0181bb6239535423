//! A machine joins: it shows a bootstrap token, and gets the two certificates of its kubelet.
//! The same road renews them, for a node that shows the one it has.

use std::sync::Arc;

use axum::body::{self, Body};
use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde_json::Value;
use skiff_api::{Reason, Status, UserInfo};

use crate::api::Api;
use crate::authn::NODES;
use crate::encode::{self, Failure};
use crate::node_signer::NodeRequest;

/// Where a machine asks.
pub const PATH: &str = "/skiff/v1/join";
/// Two certificate requests take less than 4 KiB.
const BODY_BYTES: usize = 64 << 10;

/// `POST /skiff/v1/join`.
pub(crate) async fn serve(
    State(api): State<Arc<Api>>,
    Extension(user): Extension<Arc<UserInfo>>,
    body: Body,
) -> Response {
    match join(&api, &user, body).await {
        Ok(certificates) => encode::json(StatusCode::CREATED, &certificates),
        Err(status) => Failure(status).into_response(),
    }
}

async fn join(api: &Arc<Api>, user: &UserInfo, body: Body) -> Result<Value, Status> {
    let bytes = body::to_bytes(body, BODY_BYTES)
        .await
        .map_err(|error| Status::bad_request(format!("the body cannot be read: {error}")))?;
    let request: NodeRequest = serde_json::from_slice(&bytes)
        .map_err(|error| Status::bad_request(format!("the body is no join request: {error}")))?;
    let errors = skiff_api::names::dns_subdomain(&request.node);
    if !errors.is_empty() {
        let why = format!("node name {:?}: {}", request.node, errors.join(", "));
        return Err(Status::bad_request(why));
    }
    may_be(api, user, &request.node)?;
    let signer = api.config.node_signer.as_ref();
    let signer = signer.ok_or_else(|| Status::bad_request("this cluster takes no machines"))?;
    let certificates = signer(&request).map_err(|error| Status::bad_request(error.to_string()))?;
    serde_json::to_value(certificates).map_err(|error| Status::internal(error.to_string()))
}

/// A node may ask for itself alone, and a newcomer for no node that lives: or its token would be that node's key.
fn may_be(api: &Arc<Api>, user: &UserInfo, node: &str) -> Result<(), Status> {
    if user.name == format!("system:node:{node}") {
        return Ok(());
    }
    if user.groups.iter().any(|group| group == NODES) {
        let why = format!("{} may not ask for the certificates of {node}", user.name);
        return Err(Status::new(Reason::Forbidden, why));
    }
    if is_ready(api, node) {
        let why = format!("a Node named {node:?} is in the cluster already, and Ready");
        return Err(Status::new(Reason::Forbidden, why));
    }
    Ok(())
}

fn is_ready(api: &Api, node: &str) -> bool {
    let snapshot = api.store.snapshot();
    let entry = snapshot.get(&format!("/registry/core/nodes/{node}"));
    let object: Option<Value> = entry.and_then(|entry| serde_json::from_slice(&entry.value).ok());
    let conditions = object
        .as_ref()
        .and_then(|node| node["status"]["conditions"].as_array());
    conditions
        .into_iter()
        .flatten()
        .any(|condition| condition["type"] == "Ready" && condition["status"] == "True")
}
