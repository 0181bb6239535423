//! Who may only refuse: policies, and then webhooks, all at once, on the object as it is to be stored.

use std::sync::Arc;

use futures::future::join_all;
use serde_json::Value;
use skiff_api::Status;

use super::call::ask;
use super::hook::Hook;
use super::matching::Request;
use super::versions::{Resource, View};
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
    let resource = Resource::of(api, attributes);
    let request = Request::new(attributes, object, old, &resource);
    policies::validate(api, &request).await?;
    if attributes.is_exempt() {
        return Ok(());
    }
    let snapshot = api.store.snapshot();
    let mut wanted = Vec::new();
    for hook in api.webhooks.validating() {
        if let Some(seen) = request.goes_to(&hook, &snapshot)? {
            wanted.push((hook, seen));
        }
    }
    let mut views: Vec<(&Hook, View<'_>)> = Vec::new();
    for (hook, seen) in &wanted {
        let view = View::of(api, &request, seen).await?;
        if view.request().meets_conditions(api, hook)? {
            views.push((hook, view));
        }
    }
    let asked = views.iter().map(|(hook, view)| async move {
        let request = view.request();
        ask(hook, &request, false).await
    });
    let answers = join_all(asked).await;
    answers
        .into_iter()
        .try_for_each(|answer| answer.map(|_| ()))
}
