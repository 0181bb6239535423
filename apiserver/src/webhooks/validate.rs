//! Webhooks that may only refuse: all at once, on the object as it is to be stored.

use futures::future::join_all;
use serde_json::Value;
use skiff_api::Status;

use super::Attributes;
use super::call::ask;
use super::matching::Request;
use crate::api::Api;

/// Asks all webhooks; the first refusal counts. `object` is null for a delete.
pub(crate) async fn validate(
    api: &Api,
    attributes: &Attributes<'_>,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    let hooks = api.webhooks.validating();
    if hooks.is_empty() || attributes.is_exempt() {
        return Ok(());
    }
    let request = Request {
        attributes,
        object,
        old,
    };
    let snapshot = api.store.snapshot();
    let mut wanted = Vec::new();
    for hook in hooks {
        if request.goes_to(&hook, &snapshot)? {
            wanted.push(hook);
        }
    }
    let asked = wanted
        .iter()
        .map(|hook| ask(hook, attributes, object, old, false));
    let answers = join_all(asked).await;
    answers
        .into_iter()
        .try_for_each(|answer| answer.map(|_| ()))
}
