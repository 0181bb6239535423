//! What expressions are told of a request.

use std::sync::Arc;

use serde_json::Value;
use skiff_api::Status;
use skiff_api::policies::{Authority, Facts};

use super::{Policies, authority};
use crate::matching::{Request, namespace};

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
    pub(crate) fn of(policies: &Policies, request: &Request<'a>) -> Result<Self, Status> {
        let attributes = request.attributes;
        let namespace = match attributes.namespace {
            "" => None,
            // It lives in no namespace.
            _ if attributes.is_namespace() => None,
            name => Some(namespace(&policies.objects.store.snapshot(), name)?),
        };
        Ok(Self {
            object: request.object,
            old: request.old,
            request: attributes.to_json(),
            namespace,
            authority: authority::of_user(&policies.authorizer, attributes.user),
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
