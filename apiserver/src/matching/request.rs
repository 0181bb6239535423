//! A write with its objects, held against selectors: over a snapshot.

use serde_json::Value;
use skiff_api::field::Path;
use skiff_api::{GroupResource, Selector, Status, metadata};
use skiff_store::Snapshot;

use super::attributes::Attributes;
use super::resource::Resource;
use crate::codec::object_of;

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
    pub(crate) fn new(
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

/// The Namespace of that name; 404 if there is none.
pub(crate) fn namespace(snapshot: &Snapshot, name: &str) -> Result<Value, Status> {
    let Some(entry) = snapshot.get(&format!("/registry/core/namespaces/{name}")) else {
        let namespaces = GroupResource {
            group: "".into(),
            resource: "namespaces".into(),
        };
        return Err(Status::not_found(&namespaces, name));
    };
    object_of(&entry.value)
}
