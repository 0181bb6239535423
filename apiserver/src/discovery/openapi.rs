//! The schemas of all objects, as clients ask for them: those of other servers are in both versions of OpenAPI.

use std::sync::Arc;

use axum::extract::{Extension, Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use skiff_api::UserInfo;

use crate::api::Api;
use crate::encode::{self, Failure};
use crate::request::unknown;
use crate::{aggregation, openapi};

/// The type is asked for with `@v1.0`, which is no sound media type, and answered as one.
const V2_PROTO: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// `/openapi/v2`
pub(crate) async fn openapi_v2(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let others = api.aggregation.documents(openapi::part).await;
    let served = api.kinds.current();
    let v2 = served.documents.v2(others);
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("proto-openapi.spec.v2")) {
        return encode::bytes(StatusCode::OK, V2_PROTO, v2.proto(&served.registry));
    }
    document(v2.json(&served.registry))
}

/// `/openapi/v3`: where each group's document is.
pub(crate) async fn openapi_v3_index(State(api): State<Arc<Api>>) -> Response {
    let served = api.kinds.current();
    let mut paths = served.documents.v3_index(&served.registry);
    for backend in api.aggregation.backends() {
        let path = backend.path();
        let Some(url) = backend.schemas() else {
            paths.remove(&path);
            continue;
        };
        // Its own hash tells clients as much as one of this server.
        let query = url.find('?').map_or("", |at| &url[at..]);
        let url = format!("/openapi/v3/{path}{query}");
        paths.insert(path, json!({"serverRelativeURL": url}));
    }
    encode::json(StatusCode::OK, &json!({"paths": paths}))
}

/// `/openapi/v3/apis/apps/v1`
pub(crate) async fn openapi_v3_group(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
    Extension(user): Extension<Arc<UserInfo>>,
    mut request: Request,
) -> Response {
    if let Some(backend) = api.aggregation.serves(&format!("/{path}")) {
        let theirs = backend.schemas().and_then(|url| url.parse().ok());
        let Some(theirs) = theirs else {
            return Failure(unknown()).into_response();
        };
        *request.uri_mut() = theirs;
        let answer = aggregation::forward(&api.limits, &backend, &user, request).await;
        return answer.unwrap_or_else(|status| Failure(status).into_response());
    }
    let served = api.kinds.current();
    match served.documents.v3_group(&served.registry, &path) {
        Some(known) => document(known),
        None => Failure(unknown()).into_response(),
    }
}

fn document(json: Bytes) -> Response {
    encode::bytes(StatusCode::OK, "application/json", json)
}
