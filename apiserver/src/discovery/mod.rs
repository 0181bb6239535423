//! What the server serves, told to clients: groups, versions, resources, and the schemas of their objects.

mod aggregated;
mod classic;
mod openapi;
mod resource;

pub(crate) use openapi::{openapi_v2, openapi_v3_group, openapi_v3_index};

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::api::Api;
use crate::encode::{self, Failure, discovery_version};
use crate::request::unknown;

const V2: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const V2BETA1: &str = "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

/// `/api`
pub(crate) async fn core_versions(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    answer(&api, &headers, true)
}

/// `/apis`
pub(crate) async fn groups(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    answer(&api, &headers, false)
}

fn answer(api: &Api, headers: &HeaderMap, core: bool) -> Response {
    let (content_type, version) = match discovery_version(headers) {
        Some("v2") => (V2, "v2"),
        Some(_) => (V2BETA1, "v2beta1"),
        None if core => return ok(&classic::core_versions(api)),
        None => return ok(&classic::groups(api)),
    };
    let list = aggregated::list(api, version, core);
    encode::tagged(headers, content_type, list.to_string().into())
}

/// `/api/v1`
pub(crate) async fn core_resources(State(api): State<Arc<Api>>) -> Response {
    resources_of(&api, "", "v1")
}

/// `/apis/apps`
pub(crate) async fn group(State(api): State<Arc<Api>>, Path(group): Path<String>) -> Response {
    found(classic::group(&api, &group))
}

/// `/apis/apps/v1`
pub(crate) async fn group_resources(
    State(api): State<Arc<Api>>,
    Path((group, version)): Path<(String, String)>,
) -> Response {
    resources_of(&api, &group, &version)
}

fn resources_of(api: &Api, group: &str, version: &str) -> Response {
    found(classic::resources(api, group, version))
}

fn found(answer: Option<Value>) -> Response {
    match answer {
        Some(answer) => ok(&answer),
        None => Failure(unknown()).into_response(),
    }
}

fn ok(answer: &Value) -> Response {
    encode::json(StatusCode::OK, answer)
}
