//! What those who are asked see: the objects in the version that their rule names.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value;
use skiff_api::{Descriptor, Status};

use super::attributes::Attributes;
use super::request::Request;
use super::resource::Resource;
use super::rules::Seen;
use crate::storage::{Objects, in_version};

/// A request as who is asked sees it.
pub(crate) struct View<'a> {
    attributes: Cow<'a, Attributes<'a>>,
    object: Cow<'a, Value>,
    old: Option<Cow<'a, Value>>,
    resource: &'a Resource,
    /// From the version that is seen to the one that was sent, if they differ.
    back: Option<(&'a Arc<Descriptor>, &'a Arc<Descriptor>)>,
}

impl<'a> View<'a> {
    /// A request in a version.
    ///
    /// # Errors
    /// 500 if its objects cannot be converted.
    pub(crate) async fn of(
        objects: &Objects,
        request: &Request<'a>,
        seen: &'a Seen,
    ) -> Result<Self, Status> {
        let mut view = Self {
            attributes: Cow::Borrowed(request.attributes),
            object: Cow::Borrowed(request.object),
            old: request.old.map(Cow::Borrowed),
            resource: request.resource,
            back: None,
        };
        let (Seen::In(version), Some(sent)) = (seen, &request.resource.sent) else {
            return Ok(view);
        };
        view.attributes = Cow::Owned(Attributes {
            seen_in: Some(version),
            ..request.attributes.clone()
        });
        if request.attributes.kind[2] == sent.kind {
            view.object =
                Cow::Owned(in_version(&objects.definitions, request.object, sent, version).await?);
            if let Some(old) = request.old {
                view.old = Some(Cow::Owned(
                    in_version(&objects.definitions, old, sent, version).await?,
                ));
            }
            view.back = Some((version, sent));
        }
        Ok(view)
    }

    /// What is seen.
    pub(crate) fn request(&self) -> Request<'_> {
        Request::new(
            &self.attributes,
            &self.object,
            self.old.as_deref(),
            self.resource,
        )
    }

    /// The object as who saw it wants it, in the version that was sent; `None` if he wants it as it is.
    ///
    /// # Errors
    /// 500 if it cannot be converted.
    pub(crate) async fn wanted(
        &self,
        objects: &Objects,
        object: Value,
    ) -> Result<Option<Value>, Status> {
        if object == *self.object {
            return Ok(None);
        }
        Ok(Some(match self.back {
            Some((seen, sent)) => in_version(&objects.definitions, &object, seen, sent).await?,
            None => object,
        }))
    }
}
