//! `metadata` of every object (meta/v1 ObjectMeta): reading it, and its rules.

#[cfg(test)]
mod tests;
mod validate;

use serde_json::{Map, Value};

pub(crate) use validate::invalid;
pub use validate::{
    validate, validate_annotations, validate_immutable, validate_labels, validate_update,
};

/// The finalizer of a delete that orphans what the object owns.
pub const ORPHAN: &str = "orphan";

/// The finalizer of a delete that waits for what the object owns.
pub const FOREGROUND: &str = "foregroundDeletion";

/// A reference to an owner (meta/v1 OwnerReference).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OwnerReference<'a> {
    /// Such as `apps/v1`.
    pub api_version: &'a str,
    /// Such as `ReplicaSet`.
    pub kind: &'a str,
    /// The owner's name.
    pub name: &'a str,
    /// The owner's uid.
    pub uid: &'a str,
    /// Whether it is the one that manages the object.
    pub controller: bool,
    /// Whether a foreground delete of the owner waits for the object.
    pub block_owner_deletion: bool,
}

impl<'a> OwnerReference<'a> {
    fn of(reference: &'a Value) -> Self {
        Self {
            api_version: text(&reference["apiVersion"]),
            kind: text(&reference["kind"]),
            name: text(&reference["name"]),
            uid: text(&reference["uid"]),
            controller: reference["controller"].as_bool().unwrap_or_default(),
            block_owner_deletion: reference["blockOwnerDeletion"]
                .as_bool()
                .unwrap_or_default(),
        }
    }
}

/// `metadata.name`, empty if there is none.
pub fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// `metadata.generateName`, empty if there is none.
pub fn generate_name(object: &Value) -> &str {
    text(&object["metadata"]["generateName"])
}

/// `metadata.namespace`, empty if there is none.
pub fn namespace(object: &Value) -> &str {
    text(&object["metadata"]["namespace"])
}

/// `metadata.uid`, empty if there is none.
pub fn uid(object: &Value) -> &str {
    text(&object["metadata"]["uid"])
}

/// `metadata.resourceVersion`, empty if there is none.
pub fn resource_version(object: &Value) -> &str {
    text(&object["metadata"]["resourceVersion"])
}

/// `metadata.generation`, 0 if there is none.
pub fn generation(object: &Value) -> i64 {
    object["metadata"]["generation"]
        .as_i64()
        .unwrap_or_default()
}

/// `metadata.creationTimestamp`.
pub fn creation_timestamp(object: &Value) -> Option<&str> {
    object["metadata"]["creationTimestamp"].as_str()
}

/// `metadata.deletionTimestamp`: `Some` once the object is being deleted.
pub fn deletion_timestamp(object: &Value) -> Option<&str> {
    object["metadata"]["deletionTimestamp"].as_str()
}

/// `metadata.labels`.
pub fn labels(object: &Value) -> Option<&Map<String, Value>> {
    object["metadata"]["labels"].as_object()
}

/// `metadata.annotations`.
pub fn annotations(object: &Value) -> Option<&Map<String, Value>> {
    object["metadata"]["annotations"].as_object()
}

/// One of `metadata.annotations`.
pub fn annotation<'a>(object: &'a Value, key: &str) -> Option<&'a str> {
    annotations(object)?.get(key)?.as_str()
}

/// `metadata.finalizers`.
pub fn finalizers(object: &Value) -> impl Iterator<Item = &str> {
    items(&object["metadata"]["finalizers"]).filter_map(Value::as_str)
}

/// `metadata.ownerReferences`.
pub fn owner_references(object: &Value) -> impl Iterator<Item = OwnerReference<'_>> {
    items(&object["metadata"]["ownerReferences"]).map(OwnerReference::of)
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
