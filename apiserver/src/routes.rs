//! The paths, and what is around them all.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::json;
use tower_http::compression::predicate::Predicate;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use crate::api::Api;
use crate::encode;
use crate::{discovery, health, join, pipeline, resources, version};

/// From this size on an answer is worth compressing (as the API server of Kubernetes).
const COMPRESS_BYTES: u64 = 128 << 10;

/// The service: what runs first stands last.
pub(crate) fn router(api: &Arc<Api>) -> Router {
    paths()
        .with_state(Arc::clone(api))
        .layer(from_fn_with_state(Arc::clone(api), pipeline::run))
        .layer(
            CompressionLayer::new()
                .quality(CompressionLevel::Fastest)
                .compress_when(Large),
        )
}

fn paths() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(root))
        .route("/healthz", get(health::all))
        .route("/healthz/{check}", get(health::one))
        .route("/livez", get(health::all))
        .route("/livez/{check}", get(health::one))
        .route("/readyz", get(health::all))
        .route("/readyz/{check}", get(health::one))
        .route("/version", get(which_version))
        .route("/version/", get(which_version))
        .route("/metrics", get(all_metrics))
        .route("/openapi/v2", get(discovery::openapi_v2))
        .route("/openapi/v3", get(discovery::openapi_v3_index))
        .route("/openapi/v3/", get(discovery::openapi_v3_index))
        .route("/openapi/v3/{*path}", get(discovery::openapi_v3_group))
        .route("/.well-known/openid-configuration", get(openid))
        .route("/openid/v1/jwks", get(key_set))
        .route(join::PATH, post(join::serve))
        .route("/api", get(discovery::core_versions))
        .route("/api/", get(discovery::core_versions))
        .route("/api/v1", get(discovery::core_resources))
        .route("/api/v1/", get(discovery::core_resources))
        .route("/apis", get(discovery::groups))
        .route("/apis/", get(discovery::groups))
        .route("/apis/{group}", get(discovery::group))
        .route("/apis/{group}/", get(discovery::group))
        .route("/apis/{group}/{version}", get(discovery::group_resources))
        .route("/apis/{group}/{version}/", get(discovery::group_resources))
        .fallback(resources::handle)
}

/// `/`: what there is.
async fn root() -> Response {
    let paths = [
        "/.well-known/openid-configuration",
        "/api",
        "/api/v1",
        "/apis",
        "/healthz",
        "/livez",
        "/metrics",
        "/openapi/v2",
        "/openapi/v3",
        "/openid/v1/jwks",
        "/readyz",
        "/version",
    ];
    encode::json(StatusCode::OK, &json!({"paths": paths}))
}

/// `/version`, in lines, as users know it from `kubectl get --raw /version`.
async fn which_version() -> Response {
    let body = format!("{:#}", version::info());
    encode::bytes(StatusCode::OK, "application/json", body.into())
}

/// `/metrics`
async fn all_metrics(State(api): State<Arc<Api>>) -> Response {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    encode::bytes(StatusCode::OK, content_type, api.metrics.text().into())
}

/// Lets others verify the tokens of service accounts (OpenID Connect discovery).
async fn openid(State(api): State<Arc<Api>>) -> Response {
    let issuer = api.tokens.issuer();
    let document = json!({
        "issuer": issuer,
        "jwks_uri": format!("https://{}:{}/openid/v1/jwks", api.config.advertise, api.config.port),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    });
    encode::json(StatusCode::OK, &document)
}

async fn key_set(State(api): State<Arc<Api>>) -> Response {
    encode::json(StatusCode::OK, &api.tokens.key_set())
}

/// Compresses what is large and of known size: never a watch or a log, which must not wait.
#[derive(Clone)]
struct Large;

impl Predicate for Large {
    fn should_compress<B: http_body::Body>(&self, response: &http::Response<B>) -> bool {
        let size = response.body().size_hint().exact();
        size.is_some_and(|bytes| bytes >= COMPRESS_BYTES)
    }
}
