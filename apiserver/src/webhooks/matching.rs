//! Which requests are meant by rules, selectors and conditions: over a snapshot.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::field::Path;
use skiff_api::policies::Scene;
use skiff_api::{GroupResource, Selector, Status, metadata};
use skiff_store::Snapshot;

use super::Attributes;
use super::hook::Hook;
use super::versions::{Resource, Seen};
use crate::api::Api;
use crate::policies::{Known, namespace};

/// A request with its objects.
pub(crate) struct Request<'a> {
    pub(crate) attributes: &'a Attributes<'a>,
    /// As it is to be stored; null for a delete.
    pub(crate) object: &'a Value,
    /// As it stands, if it does.
    pub(crate) old: Option<&'a Value>,
    pub(crate) resource: &'a Resource,
}

impl<'a> Request<'a> {
    pub(super) fn new(
        attributes: &'a Attributes<'a>,
        object: &'a Value,
        old: Option<&'a Value>,
        resource: &'a Resource,
    ) -> Self {
        Self {
            attributes,
            object,
            old,
            resource,
        }
    }

    /// In which version a webhook's rules and selectors are about it, if they are; 404 if that depends on a namespace
    /// that does not exist.
    pub(super) fn goes_to(&self, hook: &Hook, snapshot: &Snapshot) -> Result<Option<Seen>, Status> {
        let Some(seen) = hook.rules.match_request(self) else {
            return Ok(None);
        };
        let is_chosen =
            self.has_labels(&hook.objects) && self.is_in_namespace(&hook.namespaces, snapshot)?;
        Ok(is_chosen.then_some(seen))
    }

    /// Whether the conditions of a webhook hold; 403 if that cannot be told.
    pub(super) fn meets_conditions(&self, api: &Arc<Api>, hook: &Hook) -> Result<bool, Status> {
        let held = match &hook.conditions {
            Ok(conditions) if conditions.is_empty() => return Ok(true),
            Ok(conditions) => conditions.hold(&Scene::new(&Known::of(api, self)?.as_facts())),
            Err(why) => Err(why.clone()),
        };
        match held {
            Err(why) if hook.ignores_failure => {
                tracing::warn!(
                    webhook = hook.name,
                    why,
                    "conditions failed, which is ignored"
                );
                Ok(false)
            }
            held => held.map_err(|why| self.forbidden(&why)),
        }
    }

    /// Either state of the object may have the labels.
    pub(crate) fn has_labels(&self, wanted: &Selector) -> bool {
        let has = |object: &Value| object.is_object() && wanted.matches(&metadata::labels(object));
        wanted.is_everything() || has(self.object) || self.old.is_some_and(has)
    }

    /// What lives in no namespace is in all of them; a namespace is in itself.
    pub(crate) fn is_in_namespace(
        &self,
        wanted: &Selector,
        snapshot: &Snapshot,
    ) -> Result<bool, Status> {
        let name = self.attributes.namespace;
        if wanted.is_everything() || name.is_empty() {
            return Ok(true);
        }
        let is_written = self.attributes.is_namespace()
            && self.attributes.subresource.is_empty()
            && self.object.is_object();
        if is_written {
            return Ok(wanted.matches(&metadata::labels(self.object)));
        }
        Ok(wanted.matches(&metadata::labels(&namespace(snapshot, name)?)))
    }

    /// 403, about its object.
    pub(crate) fn forbidden(&self, why: &str) -> Status {
        let [group, _, resource] = self.attributes.resource;
        let resource = GroupResource {
            group: group.to_owned().into(),
            resource: resource.to_owned().into(),
        };
        let name = match self.attributes.name {
            "" => metadata::generate_name(self.object),
            name => name,
        };
        let name = if name.is_empty() { "Unknown" } else { name };
        Status::forbidden(&resource, name, why)
    }
}

/// A selector that was found sound when it was stored.
pub(crate) fn selector(stored: &Value) -> Selector {
    Selector::from_object(stored, &Path::root("selector")).unwrap_or_else(|_| Selector::nothing())
}
