//! Who may only refuse: policies, and then webhooks, all at once, on the object as it is to be stored.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::Value;
use skiff_api::Status;

use super::call::ask;
use super::matching::Request;
use super::{Attributes, can_refuse};
use crate::api::Api;
use crate::policies;

/// Asks all of them; the first refusal counts. `object` is null for a delete.
pub(crate) async fn validate(
    api: &Arc<Api>,
    attributes: &Attributes<'_>,
    object: &Value,
    old: Option<&Value>,
) -> Result<(), Status> {
    if !can_refuse(api) {
        return Ok(());
    }
    let request = Request {
        attributes,
        object,
        old,
    };
    policies::validate(api, &request).await?;
    if attributes.is_exempt() {
        return Ok(());
    }
    let snapshot = api.store.snapshot();
    let mut wanted = Vec::new();
    for hook in api.webhooks.validating() {
        if request.goes_to(api, &hook, &snapshot)? {
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
