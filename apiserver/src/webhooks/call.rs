//! Asking one webhook.

use axum::body::Body;
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt as _, Limited};
use serde_json::Value;
use skiff_api::{Reason, Status};
use tokio::time;
use uuid::Uuid;

use super::Attributes;
use super::hook::Hook;
use super::review::{self, Question, Verdict};

/// The most of an answer that is read.
const ANSWER_BYTES: usize = 3 << 20;

/// Asks a webhook; answers with the JSON patch by which it wants the object changed.
pub(super) async fn ask(
    hook: &Hook,
    attributes: &Attributes<'_>,
    object: &Value,
    old: Option<&Value>,
    mutating: bool,
) -> Result<Option<Value>, Status> {
    let name = &hook.name;
    if attributes.dry_run && !hook.takes_dry_runs {
        let message = format!("admission webhook {name:?} does not support dry run");
        return Err(Status::bad_request(message));
    }
    let question = Question {
        uid: Uuid::new_v4().to_string(),
        version: hook.review_version,
        attributes,
        object,
        old,
    };
    let asked = async {
        let bytes = send(hook, question.to_json()).await;
        let bytes = bytes.map_err(|why| format!("failed to call webhook: {why}"))?;
        review::read(&bytes, &question, mutating)
    };
    let answer = match asked.await {
        Ok(answer) => answer,
        Err(why) if hook.ignores_failure => {
            tracing::warn!(webhook = name, why, "a webhook failed, which is ignored");
            return Ok(None);
        }
        Err(why) => {
            return Err(Status::internal(format!(
                "failed calling webhook {name:?}: {why}"
            )));
        }
    };
    if let Some(warnings) = attributes.warnings {
        answer.warnings.iter().for_each(|one| warnings.add(one));
    }
    match answer.verdict {
        Verdict::Allowed(patch) => Ok(patch),
        Verdict::Refused(refusal) => Err(refusal.to_status(name)),
    }
}

async fn send(hook: &Hook, review: Value) -> Result<Vec<u8>, String> {
    let url = &hook.url;
    let failed = |why: String| format!("Post {url:?}: {why}");
    let request = Request::post(url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::ACCEPT, "application/json, */*")
        .body(Body::from(review.to_string()))
        .map_err(|error| failed(error.to_string()))?;
    let exchanged = async {
        let answer = hook.remote.send(request).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        let code = answer.status();
        let body = Limited::new(answer.into_body(), ANSWER_BYTES).collect();
        let body = body.await.map_err(|error| failed(error.to_string()))?;
        let bytes = Vec::from(body.to_bytes());
        match code.is_success() {
            true => Ok(bytes),
            false => Err(words_of(code, &bytes)),
        }
    };
    let answered = time::timeout(hook.timeout, exchanged).await;
    answered.unwrap_or_else(|_| Err(failed("context deadline exceeded".to_owned())))
}

/// What a failure without an answer says, in the words of Kubernetes' client.
fn words_of(code: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    match code.as_u16() {
        400 => "the server rejected our request for an unknown reason".to_owned(),
        401 => "the server has asked for the client to provide credentials".to_owned(),
        403 => "unknown".to_owned(),
        404 => "the server could not find the requested resource".to_owned(),
        405 => "the server does not allow this method on the requested resource".to_owned(),
        500 => {
            format!("an error on the server ({text:?}) has prevented the request from succeeding")
        }
        503 => "the server is currently unable to handle the request".to_owned(),
        code => {
            format!(
                "the server responded with the status code {code} but did not return more information"
            )
        }
    }
}

/// A webhook that answers with a patch where there is nothing to patch.
pub(super) fn nothing_to_modify(hook: &Hook) -> Status {
    let name = &hook.name;
    Status::internal(format!(
        "admission webhook {name:?} attempted to modify the object, which is not supported for this operation"
    ))
}

/// A patch that does not fit is the webhook's failure, not the user's.
pub(super) fn unsound_patch(status: &Status) -> Status {
    Status::new(
        Reason::InternalError,
        format!("Internal error occurred: {status}"),
    )
}
