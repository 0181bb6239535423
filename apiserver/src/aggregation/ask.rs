//! What this server itself wants to know of another one.

use std::time::Duration;

use axum::body::Body;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use skiff_api::UserInfo;
use tokio::time;

use super::{Backend, forward};

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// The JSON text behind a path of a server, of so many bytes at most; or why it is not known.
pub(super) async fn get(backend: &Backend, path: &str, most: usize) -> Result<Value, String> {
    let url = backend.url(path);
    let failed = |why: String| format!("failing or missing response from {url}: {why}");
    let asker = UserInfo::new("system:kube-aggregator", ["system:masters"]);
    let mut request = Request::get(&url)
        .body(Body::empty())
        .map_err(|error| failed(error.to_string()))?;
    *request.headers_mut() = forward::headers(&HeaderMap::new(), &asker, false);
    let asked = async {
        let answer = backend.remote.send(request).await;
        let answer = answer.map_err(|error| failed(format!("Get {url:?}: {error}")))?;
        if answer.status() != StatusCode::OK {
            let code = answer.status().as_u16();
            return Err(failed(format!("bad status from {url}: {code}")));
        }
        let body = Limited::new(answer.into_body(), most).collect().await;
        let body = body.map_err(|error| failed(error.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|error| failed(error.to_string()))
    };
    let answered = time::timeout(PATIENCE, asked).await;
    answered.unwrap_or_else(|_| Err(failed(format!("Get {url:?}: context deadline exceeded"))))
}
