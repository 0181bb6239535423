//! Patches: a change to an object, in one of the forms that the API takes.
//!
//! Server-side apply is the one that knows who owns what: [`crate::managed`].

mod json;
mod merge;
mod strategic;
#[cfg(test)]
mod tests;

use serde_json::Value;

use crate::{Schema, Status};

/// The form of a patch, told by its content type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// `application/json-patch+json`: operations (RFC 6902).
    Json,
    /// `application/merge-patch+json`: the fields to change, lists as a whole (RFC 7386).
    Merge,
    /// `application/strategic-merge-patch+json`: the fields to change, lists by the rules of their type.
    Strategic,
}

impl PatchType {
    /// The form of a content type without parameters; `None` if it is no form of patch that is served.
    pub fn of_content_type(content_type: &str) -> Option<Self> {
        match content_type {
            "application/json-patch+json" => Some(Self::Json),
            "application/merge-patch+json" => Some(Self::Merge),
            "application/strategic-merge-patch+json" => Some(Self::Strategic),
            _ => None,
        }
    }
}

/// The object with the patch applied; `schema` is that of the object.
///
/// The result is not checked: it goes the way of an update. 400 if the patch is none, 413 if it is too long, 422 if it
/// does not fit the object.
pub fn apply_patch(
    patch_type: PatchType,
    object: &Value,
    patch: &Value,
    schema: &Schema,
) -> Result<Value, Status> {
    match patch_type {
        PatchType::Json => json::apply(object, patch),
        PatchType::Merge => merge::apply(object, patch),
        PatchType::Strategic => strategic::apply(object, patch, schema.root()),
    }
}
