//! `/livez`, `/readyz`, `/healthz`: whether the server lives, and whether it can serve.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::{Extension, Path, State};
use axum::response::Response;
use http::StatusCode;

use crate::api::Api;
use crate::encode;
use crate::request::RequestInfo;

/// What is looked at; a server that answers at all has the rest.
const CHECKS: [&str; 2] = ["ping", "store"];
/// What is looked at beside them to know whether the server takes new clients.
const ENDING: &str = "shutdown";

/// The checks behind a path.
fn checks(info: &RequestInfo) -> impl Iterator<Item = &'static str> + use<> {
    let of_readiness = info.path.starts_with("/readyz").then_some(ENDING);
    CHECKS.into_iter().chain(of_readiness)
}

/// All checks together.
pub(crate) async fn all(
    State(api): State<Arc<Api>>,
    Extension(info): Extension<Arc<RequestInfo>>,
) -> Response {
    let excluded: Vec<&str> = info.query.all("exclude").collect();
    let mut text = String::new();
    let mut healthy = true;
    for check in checks(&info) {
        let line = if excluded.contains(&check) {
            format!("[+]{check} excluded: ok\n")
        } else if passes(&api, check) {
            format!("[+]{check} ok\n")
        } else {
            healthy = false;
            format!("[-]{check} failed: reason withheld\n")
        };
        text += &line;
    }
    let name = info.path.trim_start_matches('/');
    if !healthy {
        text += &format!("{name} check failed\n");
        return answer(StatusCode::INTERNAL_SERVER_ERROR, text);
    }
    if info.query.all("verbose").next().is_some() {
        text += &format!("{name} check passed\n");
        answer(StatusCode::OK, text)
    } else {
        answer(StatusCode::OK, "ok".to_owned())
    }
}

/// One check.
pub(crate) async fn one(
    State(api): State<Arc<Api>>,
    Extension(info): Extension<Arc<RequestInfo>>,
    Path(check): Path<String>,
) -> Response {
    if !checks(&info).any(|known| known == check) {
        return answer(StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
    }
    if passes(&api, &check) {
        answer(StatusCode::OK, "ok".to_owned())
    } else {
        let text = "internal server error: reason withheld\n".to_owned();
        answer(StatusCode::INTERNAL_SERVER_ERROR, text)
    }
}

fn passes(api: &Api, check: &str) -> bool {
    match check {
        // The store serves when it has what every cluster has.
        "store" => {
            let always_there = "/registry/core/namespaces/default";
            api.store.snapshot().get(always_there).is_some()
        }
        ENDING => !api.ending.load(Ordering::Relaxed),
        _ => true,
    }
}

fn answer(code: StatusCode, text: String) -> Response {
    encode::bytes(code, "text/plain; charset=utf-8", text.into())
}
