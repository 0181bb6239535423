//! Who may change an object: policies, and then webhooks, by the names of their configurations; each sees what those before
//! it did.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::{PatchType, Schema, Status, apply_patch};

use super::call::{ask, nothing_to_modify, unsound_patch};
use super::hook::Hook;
use super::matching::Request;
use super::{Attributes, can_mutate};
use crate::api::Api;
use crate::policies::{Mutation, mutations};
use crate::request::schema_named;

/// Any type will do for a JSON patch, which looks at none.
const ANY_TYPE: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

/// Lets policies and webhooks change an object; answers whether one did. `object` is null for a delete.
pub(crate) async fn mutate(
    api: &Arc<Api>,
    attributes: &Attributes<'_>,
    object: &mut Value,
    old: Option<&Value>,
) -> Result<bool, Status> {
    if !can_mutate(api) {
        return Ok(false);
    }
    let before = object.clone();
    let schema = schema_for(api, attributes)?;
    let mut again: Vec<Mutator> = Vec::new();
    let mut asked: Vec<Mutator> = Vec::new();
    for mutator in mutators(api, attributes, object, old).await? {
        let request = Request {
            attributes,
            object,
            old,
        };
        if !mutator.is_meant(api, &request)? {
            continue;
        }
        let changed = mutator.changed(api, &request, &schema).await?;
        if changed != *object {
            *object = changed;
            // Those who have been asked have not seen this change.
            again.append(&mut asked);
        }
        if mutator.is_reinvoked() {
            asked.push(mutator);
        }
    }
    for mutator in again {
        let request = Request {
            attributes,
            object,
            old,
        };
        if mutator.is_meant(api, &request)? {
            *object = mutator.changed(api, &request, &schema).await?;
        }
    }
    Ok(*object != before)
}

/// All that may be asked, in their order.
async fn mutators(
    api: &Arc<Api>,
    attributes: &Attributes<'_>,
    object: &Value,
    old: Option<&Value>,
) -> Result<Vec<Mutator>, Status> {
    let request = Request {
        attributes,
        object,
        old,
    };
    let policies = mutations(api, &request).await?;
    let mut all: Vec<Mutator> = policies.into_iter().map(Mutator::Policy).collect();
    if !attributes.is_exempt() {
        let hooks = api.webhooks.mutating().into_iter();
        all.extend(hooks.map(Mutator::Hook));
    }
    Ok(all)
}

/// The type of what is sent; what is no stored object takes JSON patches alone.
fn schema_for(api: &Api, attributes: &Attributes<'_>) -> Result<Schema, Status> {
    let [group, version, kind] = attributes.kind;
    let descriptor = api.kinds.of_kind(group, version, kind);
    match descriptor.and_then(|descriptor| descriptor.schema()) {
        Some(schema) => Ok(schema),
        None => schema_named(ANY_TYPE),
    }
}

/// Somebody who may change an object.
enum Mutator {
    /// It was found to be meant when it was found.
    Policy(Mutation),
    Hook(Arc<Hook>),
}

impl Mutator {
    fn is_meant(&self, api: &Arc<Api>, request: &Request<'_>) -> Result<bool, Status> {
        match self {
            Self::Policy(_) => Ok(true),
            Self::Hook(hook) => request.goes_to(api, hook, &api.store.snapshot()),
        }
    }

    /// Whether it wants to see what others changed after it.
    fn is_reinvoked(&self) -> bool {
        match self {
            Self::Policy(policy) => policy.is_reinvoked(),
            Self::Hook(hook) => hook.reinvoked,
        }
    }

    /// The object as it wants it.
    async fn changed(
        &self,
        api: &Arc<Api>,
        request: &Request<'_>,
        schema: &Schema,
    ) -> Result<Value, Status> {
        match self {
            Self::Policy(policy) => policy.applied(api, request, schema),
            Self::Hook(hook) => by_hook(hook, request, schema).await,
        }
    }
}

/// The object as a webhook wants it.
async fn by_hook(hook: &Hook, request: &Request<'_>, schema: &Schema) -> Result<Value, Status> {
    let Request {
        attributes,
        object,
        old,
    } = *request;
    let Some(patch) = ask(hook, attributes, object, old, true).await? else {
        return Ok(object.clone());
    };
    if !object.is_object() {
        return Err(nothing_to_modify(hook));
    }
    let patched = apply_patch(PatchType::Json, object, &patch, schema);
    patched.map_err(|status| unsound_patch(&status))
}
