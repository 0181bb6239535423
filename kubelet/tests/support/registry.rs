use std::fs;
use std::path::PathBuf;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::node::busybox_layout;

/// `Basic` and `user:secret` in Base64.
const CREDENTIALS: &str = "Basic dXNlcjpzZWNyZXQ=";

/// A registry that has `library/busybox:1.28`, for those who know the password.
///
/// <https://distribution.github.io/distribution/spec/api/>
pub(crate) struct Registry {
    pub(crate) url: String,
    _serving: JoinSet<()>,
}

impl Registry {
    pub(crate) async fn start() -> Registry {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new()
            .route("/v2/library/busybox/{kind}/{reference}", get(content))
            .with_state(busybox_layout());
        let mut serving = JoinSet::new();
        serving.spawn(async move { axum::serve(listener, router).await.unwrap() });
        Registry {
            url,
            _serving: serving,
        }
    }
}

async fn content(
    State(layout): State<PathBuf>,
    Path((kind, reference)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    if headers.get(AUTHORIZATION) != Some(&HeaderValue::from_static(CREDENTIALS)) {
        let challenge = [(WWW_AUTHENTICATE, "Basic realm=\"test\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    }
    let index: serde_json::Value =
        serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
    let manifest = &index["manifests"][0];
    let digest = match reference.as_str() {
        "1.28" => manifest["digest"].as_str().unwrap().to_owned(),
        _ => reference,
    };
    let media_type = match kind.as_str() {
        "manifests" => manifest["mediaType"].as_str().unwrap().to_owned(),
        _ => "application/octet-stream".to_owned(),
    };
    let blob = layout.join("blobs").join(digest.replacen(':', "/", 1));
    let Ok(bytes) = fs::read(blob) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let digest_header = ("docker-content-digest", digest);
    ([(CONTENT_TYPE.as_str(), media_type), digest_header], bytes).into_response()
}
