//! Which webhooks a request goes to: pure, over a snapshot.

use serde_json::Value;
use skiff_api::{GroupResource, Status, metadata};
use skiff_store::Snapshot;

use super::Attributes;
use super::hook::Hook;
use crate::storage::object_of;

/// A request with its objects, as far as selectors look at them.
pub(super) struct Request<'a> {
    pub(super) attributes: &'a Attributes<'a>,
    pub(super) object: &'a Value,
    pub(super) old: Option<&'a Value>,
}

impl Request<'_> {
    /// Whether it goes to a webhook; 404 if that depends on a namespace that does not exist.
    pub(super) fn goes_to(&self, hook: &Hook, snapshot: &Snapshot) -> Result<bool, Status> {
        let mut rules = hook.rules.iter();
        Ok(rules.any(|rule| rule.matches(self.attributes))
            && self.has_labels(hook)
            && self.is_in_namespace(hook, snapshot)?)
    }

    /// Either state of the object may have the labels.
    fn has_labels(&self, hook: &Hook) -> bool {
        let has =
            |object: &Value| object.is_object() && hook.objects.matches(&metadata::labels(object));
        hook.objects.is_everything() || has(self.object) || self.old.is_some_and(has)
    }

    /// What lives in no namespace is in all of them; a namespace is in itself.
    fn is_in_namespace(&self, hook: &Hook, snapshot: &Snapshot) -> Result<bool, Status> {
        let name = self.attributes.namespace;
        if hook.namespaces.is_everything() || name.is_empty() {
            return Ok(true);
        }
        let is_written = self.attributes.is_namespace()
            && self.attributes.subresource.is_empty()
            && self.object.is_object();
        if is_written {
            return Ok(hook.namespaces.matches(&metadata::labels(self.object)));
        }
        let Some(entry) = snapshot.get(&format!("/registry/core/namespaces/{name}")) else {
            let namespaces = GroupResource {
                group: "".into(),
                resource: "namespaces".into(),
            };
            return Err(Status::not_found(&namespaces, name));
        };
        let namespace = object_of(&entry.value)?;
        Ok(hook.namespaces.matches(&metadata::labels(&namespace)))
    }
}
