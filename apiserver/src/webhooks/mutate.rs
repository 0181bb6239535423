//! Webhooks that may change an object: one after the other, by the names of their configurations, each sees what those
//! before it did.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::{PatchType, Status, apply_patch};

use super::Attributes;
use super::call::{ask, nothing_to_modify, unsound_patch};
use super::hook::Hook;
use super::matching::Request;
use crate::api::Api;
use crate::request::schema_named;

/// Any type will do for a JSON patch, which looks at none.
const ANY_TYPE: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// Lets webhooks change an object; answers whether one did. `object` is null for a delete.
pub(crate) async fn mutate(
    api: &Api,
    attributes: &Attributes<'_>,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<bool, Status> {
    let hooks = api.webhooks.mutating();
    if hooks.is_empty() || attributes.is_exempt() {
        return Ok(false);
    }
    let before = object.clone();
    let mut again: Vec<Arc<Hook>> = Vec::new();
    let mut asked: Vec<Arc<Hook>> = Vec::new();
    for hook in hooks {
        if !matches(api, &hook, attributes, object, old)? {
            continue;
        }
        if change(&hook, attributes, object, old).await? {
            // Those who have been asked have not seen this change.
            again.append(&mut asked);
        }
        if hook.reinvoked {
            asked.push(hook);
        }
    }
    for hook in again {
        if matches(api, &hook, attributes, object, old)? {
            change(&hook, attributes, object, old).await?;
        }
    }
    Ok(*object != before)
}

fn matches(
    api: &Api,
    hook: &Hook,
    attributes: &Attributes<'_>,
    object: &Value,
    old: Option<&Value>,
) -> Result<bool, Status> {
    let request = Request {
        attributes,
        object,
        old,
    };
    request.goes_to(hook, &api.store.snapshot())
}

/// Asks one webhook; answers whether it changed the object.
async fn change(
    hook: &Hook,
    attributes: &Attributes<'_>,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<bool, Status> {
    let Some(patch) = ask(hook, attributes, object, old, true).await? else {
        return Ok(false);
    };
    if !object.is_object() {
        return Err(nothing_to_modify(hook));
    }
    let schema = schema_named(ANY_TYPE)?;
    let patched = apply_patch(PatchType::Json, object, &patch, &schema);
    let patched = patched.map_err(|status| unsound_patch(&status))?;
    let changed = patched != *object;
    *object = patched;
    Ok(changed)
}
