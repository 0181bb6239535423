//! The schemas of all objects and the paths they are served at, in the forms that clients ask for: OpenAPI v2 in JSON
//! and in protobuf, OpenAPI v3 one document a group. Made when first asked for. Other servers' schemas are in both: in
//! v2 as a part of the document, in v3 as they answer themselves.

mod merge;
mod operations;
mod proto;
mod references;
mod v2;
mod v3;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::extract::{Extension, Path, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skiff_api::{Registry, UserInfo};

use crate::aggregation;
use crate::api::Api;
use crate::encode::{self, Failure};
use crate::kinds::Served;
use crate::resources;

/// The type is asked for with `@v1.0`, which is no sound media type, and answered as one.
const V2_PROTO: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The documents that have been asked for, encoded.
#[derive(Default)]
pub(crate) struct Documents {
    v2: Mutex<Arc<V2>>,
    /// Those of built-in kinds never change.
    v3_builtin: Arc<OnceLock<V3Documents>>,
    v3_custom: OnceLock<V3Documents>,
}

/// The v2 document, with what other servers add to it.
#[derive(Default)]
struct V2 {
    others: Vec<Bytes>,
    json: OnceLock<Bytes>,
    proto: OnceLock<Bytes>,
}

/// Documents by the path of their group.
type V3Documents = BTreeMap<String, V3>;

/// The v3 document of one group and version.
struct V3 {
    document: Bytes,
    hash: String,
}

impl Documents {
    /// The documents of other kinds; what is known of the built-in ones is taken along.
    pub(crate) fn renewed(&self) -> Self {
        Self {
            v3_builtin: Arc::clone(&self.v3_builtin),
            ..Self::default()
        }
    }

    /// The v2 document with these parts of other servers. The one that was asked for last is kept.
    fn v2(&self, others: Vec<Bytes>) -> Arc<V2> {
        let mut known = self.v2.lock();
        if known.others != others {
            *known = Arc::new(V2 {
                others,
                ..V2::default()
            });
        }
        Arc::clone(&known)
    }

    fn v3(&self, registry: &Registry) -> [&V3Documents; 2] {
        let make = |custom| {
            let documents = v3::documents(registry, custom).into_iter();
            documents
                .map(|(path, document)| (path, V3::new(&document)))
                .collect()
        };
        [
            self.v3_builtin.get_or_init(|| make(false)),
            self.v3_custom.get_or_init(|| make(true)),
        ]
    }
}

impl V2 {
    fn document(&self, registry: &Registry) -> Value {
        let mut document = v2::document(registry);
        let parts = self.others.iter();
        for part in parts.filter_map(|part| serde_json::from_slice(part).ok()) {
            merge::add(&mut document, part);
        }
        document
    }
}

impl V3 {
    fn new(document: &Value) -> Self {
        let document = Bytes::from(document.to_string());
        let digest = Sha256::digest(&document);
        let hash = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Self { document, hash }
    }
}

/// `/openapi/v2`
pub(crate) async fn openapi_v2(State(api): State<Arc<Api>>, headers: HeaderMap) -> Response {
    let others = api.aggregation.documents(merge::part).await;
    let Served {
        registry,
        documents,
    } = &*api.registry.current();
    let v2 = documents.v2(others);
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("proto-openapi.spec.v2")) {
        let make = || proto::encode(&v2.document(registry)).into();
        let bytes = v2.proto.get_or_init(make).clone();
        return encode::bytes(StatusCode::OK, V2_PROTO, bytes);
    }
    let make = || v2.document(registry).to_string().into();
    let bytes = v2.json.get_or_init(make).clone();
    encode::bytes(StatusCode::OK, "application/json", bytes)
}

/// `/openapi/v3`: where each group's document is; the hash lets clients keep it for ever.
pub(crate) async fn openapi_v3_index(State(api): State<Arc<Api>>) -> Response {
    let served = api.registry.current();
    let documents = served.documents.v3(&served.registry);
    let mut paths: serde_json::Map<String, Value> = documents
        .into_iter()
        .flatten()
        .map(|(path, V3 { hash, .. })| {
            let url = format!("/openapi/v3/{path}?hash={hash}");
            (path.clone(), json!({"serverRelativeURL": url}))
        })
        .collect();
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
            return Failure(resources::unknown()).into_response();
        };
        *request.uri_mut() = theirs;
        let answer = aggregation::forward(&api.limits, &backend, &user, request).await;
        return answer.unwrap_or_else(|status| Failure(status).into_response());
    }
    let served = api.registry.current();
    let documents = served.documents.v3(&served.registry);
    match documents.iter().find_map(|known| known.get(&path)) {
        Some(V3 { document, .. }) => {
            encode::bytes(StatusCode::OK, "application/json", document.clone())
        }
        None => Failure(resources::unknown()).into_response(),
    }
}
