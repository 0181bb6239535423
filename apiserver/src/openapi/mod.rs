//! The schemas of all objects and the paths they are served at, in the forms that clients ask for: OpenAPI v2 in JSON
//! and in protobuf, OpenAPI v3 one document a group. Made when first asked for.

mod operations;
mod proto;
mod v2;
mod v3;

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skiff_api::Registry;

use crate::api::Api;
use crate::encode::{self, Failure};
use crate::kinds::Served;
use crate::resources;

/// The type is asked for with `@v1.0`, which is no sound media type, and answered as one.
const V2_PROTO: &str = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

/// The documents that have been asked for, encoded.
#[derive(Default)]
pub(crate) struct Documents {
    v2_json: OnceLock<Bytes>,
    v2_proto: OnceLock<Bytes>,
    /// Those of built-in kinds never change.
    v3_builtin: Arc<OnceLock<V3Documents>>,
    v3_custom: OnceLock<V3Documents>,
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
    let Served {
        registry,
        documents,
    } = &*api.registry.current();
    let accept = headers.get(header::ACCEPT);
    let accept = accept.and_then(|accept| accept.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("proto-openapi.spec.v2")) {
        let make = || proto::encode(&v2::document(registry)).into();
        let bytes = documents.v2_proto.get_or_init(make).clone();
        return encode::bytes(StatusCode::OK, V2_PROTO, bytes);
    }
    let make = || v2::document(registry).to_string().into();
    let bytes = documents.v2_json.get_or_init(make).clone();
    encode::bytes(StatusCode::OK, "application/json", bytes)
}

/// `/openapi/v3`: where each group's document is; the hash lets clients keep it for ever.
pub(crate) async fn openapi_v3_index(State(api): State<Arc<Api>>) -> Response {
    let served = api.registry.current();
    let documents = served.documents.v3(&served.registry);
    let paths: serde_json::Map<String, Value> = documents
        .into_iter()
        .flatten()
        .map(|(path, V3 { hash, .. })| {
            let url = format!("/openapi/v3/{path}?hash={hash}");
            (path.clone(), json!({"serverRelativeURL": url}))
        })
        .collect();
    encode::json(StatusCode::OK, &json!({"paths": paths}))
}

/// `/openapi/v3/apis/apps/v1`
pub(crate) async fn openapi_v3_group(
    State(api): State<Arc<Api>>,
    Path(path): Path<String>,
) -> Response {
    let served = api.registry.current();
    let documents = served.documents.v3(&served.registry);
    match documents.iter().find_map(|known| known.get(&path)) {
        Some(V3 { document, .. }) => {
            encode::bytes(StatusCode::OK, "application/json", document.clone())
        }
        None => Failure(resources::unknown()).into_response(),
    }
}
