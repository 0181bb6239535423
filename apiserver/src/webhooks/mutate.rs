//! Who may change an object: policies, and then webhooks, by the names of their configurations; each sees what those before
//! it did.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::{PatchType, Schema, Status, apply_patch};

use super::Webhooks;
use super::call::{ask, nothing_to_modify, unsound_patch};
use super::hook::Hook;
use crate::matching::{Attributes, Request, Resource, View};
use crate::policies::{Mutation, mutations};
use crate::request::schema_named;

/// Any type will do for a JSON patch, which looks at none.
const ANY_TYPE: &str = "io.k8s.apimachinery.pkg.apis.meta.v1.Status";

impl Webhooks {
    /// Lets policies and webhooks change an object; answers whether one did. `object` is null for a delete.
    pub(crate) async fn mutate(
        &self,
        attributes: &Attributes<'_>,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<bool, Status> {
        match self.can_mutate() {
            // Apart, because it is large and rare.
            true => Box::pin(self.mutated(attributes, object, old)).await,
            false => Ok(false),
        }
    }

    async fn mutated(
        &self,
        attributes: &Attributes<'_>,
        object: &mut Value,
        old: Option<&Value>,
    ) -> Result<bool, Status> {
        let before = object.clone();
        let resource = &Resource::of(&self.objects.kinds, attributes);
        let mut again: Vec<Mutator> = Vec::new();
        let mut asked: Vec<Mutator> = Vec::new();
        let first = Request::new(attributes, object, old, resource);
        for mutator in self.mutators(&first).await? {
            let request = Request::new(attributes, object, old, resource);
            let changed = match mutator.ask(self, &request).await? {
                Said::Nothing => continue,
                Said::AsItIs => None,
                Said::Changed(changed) => Some(changed),
            };
            if let Some(changed) = changed {
                *object = changed;
                // Those who have been asked have not seen this change.
                again.append(&mut asked);
            }
            if mutator.is_reinvoked() {
                asked.push(mutator);
            }
        }
        for mutator in again {
            let request = Request::new(attributes, object, old, resource);
            if let Said::Changed(changed) = mutator.ask(self, &request).await? {
                *object = changed;
            }
        }
        Ok(*object != before)
    }

    /// All that may be asked, in their order.
    async fn mutators(&self, request: &Request<'_>) -> Result<Vec<Mutator>, Status> {
        let policies = mutations(&self.policies, request).await?;
        let mut all: Vec<Mutator> = policies.into_iter().map(Mutator::Policy).collect();
        if !request.attributes.is_exempt() {
            let hooks = self.mutating().into_iter();
            all.extend(hooks.map(Mutator::Hook));
        }
        Ok(all)
    }

    /// The type of what is seen; what is no stored object takes JSON patches alone.
    fn schema_for(&self, attributes: &Attributes<'_>) -> Result<Schema, Status> {
        let [group, version, kind] = attributes.seen_kind();
        let descriptor = self.objects.kinds.of_kind(group, version, kind);
        match descriptor.and_then(|descriptor| descriptor.schema()) {
            Some(schema) => Ok(schema),
            None => schema_named(ANY_TYPE),
        }
    }
}

/// Somebody who may change an object.
enum Mutator {
    /// It was found to be meant when it was found.
    Policy(Mutation),
    Hook(Arc<Hook>),
}

/// What somebody says to an object.
enum Said {
    /// He was not asked.
    Nothing,
    AsItIs,
    Changed(Value),
}

impl Mutator {
    /// Whether it wants to see what others changed after it.
    fn is_reinvoked(&self) -> bool {
        match self {
            Self::Policy(policy) => policy.is_reinvoked(),
            Self::Hook(hook) => hook.reinvoked,
        }
    }

    /// Asks about a request, if it is to be asked.
    async fn ask(&self, webhooks: &Webhooks, request: &Request<'_>) -> Result<Said, Status> {
        let (objects, policies) = (&webhooks.objects, &webhooks.policies);
        let seen = match self {
            Self::Policy(policy) => Some(policy.seen().clone()),
            Self::Hook(hook) => request.goes_to(hook, &objects.store.snapshot())?,
        };
        let Some(seen) = seen else {
            return Ok(Said::Nothing);
        };
        let view = View::of(objects, request, &seen).await?;
        let request = view.request();
        let schema = webhooks.schema_for(request.attributes)?;
        let object = match self {
            Self::Policy(policy) => policy.applied(policies, &request, &schema)?,
            Self::Hook(hook) if request.meets_conditions(policies, hook)? => {
                by_hook(hook, &request, &schema).await?
            }
            Self::Hook(_) => return Ok(Said::Nothing),
        };
        Ok(match view.wanted(objects, object).await? {
            Some(changed) => Said::Changed(changed),
            None => Said::AsItIs,
        })
    }
}

/// The object as a webhook wants it.
async fn by_hook(hook: &Hook, request: &Request<'_>, schema: &Schema) -> Result<Value, Status> {
    let object = request.object;
    let Some(patch) = ask(hook, request, true).await? else {
        return Ok(object.clone());
    };
    if !object.is_object() {
        return Err(nothing_to_modify(hook));
    }
    let patched = apply_patch(PatchType::Json, object, &patch, schema);
    patched.map_err(|status| unsound_patch(&status))
}
