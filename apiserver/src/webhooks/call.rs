//! Asking one webhook.

use serde_json::Value;
use skiff_api::{Reason, Status};
use uuid::Uuid;

use super::hook::Hook;
use super::review::{self, Question, Verdict};
use crate::matching::Request;

/// The most of an answer that is read.
const ANSWER_BYTES: usize = 3 << 20;

/// Asks a webhook; answers with the JSON patch by which it wants the object changed.
pub(super) async fn ask(
    hook: &Hook,
    request: &Request<'_>,
    mutating: bool,
) -> Result<Option<Value>, Status> {
    let (name, attributes) = (&hook.name, request.attributes);
    if attributes.dry_run && !hook.takes_dry_runs {
        let message = format!("admission webhook {name:?} does not support dry run");
        return Err(Status::bad_request(message));
    }
    let question = Question {
        uid: Uuid::new_v4().to_string(),
        version: hook.review_version,
        attributes,
        object: request.object,
        old: request.old,
    };
    let asked = async {
        let review = question.to_json().to_string();
        let bytes = hook.webhook.ask(review, ANSWER_BYTES).await;
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
