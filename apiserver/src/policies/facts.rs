//! What expressions are told of a request.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::policies::{Authority, Facts};
use skiff_api::{GroupResource, Status};
use skiff_store::Snapshot;

use super::authority;
use crate::api::Api;
use crate::codec::object_of;
use crate::webhooks::{Request, as_json};

/// What expressions are told of a request.
pub(crate) struct Known<'a> {
    object: &'a Value,
    old: Option<&'a Value>,
    request: Value,
    namespace: Option<Value>,
    authority: Arc<dyn Authority>,
}

impl<'a> Known<'a> {
    /// All of a request; 404 if its namespace does not exist.
    pub(crate) fn of(api: &Arc<Api>, request: &Request<'a>) -> Result<Self, Status> {
        let attributes = request.attributes;
        let namespace = match attributes.namespace {
            "" => None,
            // It lives in no namespace.
            _ if attributes.is_namespace() => None,
            name => Some(namespace(&api.store.snapshot(), name)?),
        };
        Ok(Self {
            object: request.object,
            old: request.old,
            request: as_json(attributes),
            namespace,
            authority: authority::of_user(api, attributes.user),
        })
    }

    /// For CEL.
    pub(crate) fn as_facts(&self) -> Facts<'_> {
        Facts {
            object: self.object,
            old: self.old,
            request: &self.request,
            namespace: self.namespace.as_ref(),
            authority: Arc::clone(&self.authority),
        }
    }
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
