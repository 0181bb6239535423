//! The rules that a kind has of its own.

use jiff::Timestamp;
use serde_json::Value;

use crate::field::Errors;
use crate::{Column, CustomResource, Schema, age, field, metadata, names};

/// A kind's own rules, pure functions over JSON objects. What holds for every kind (metadata, schema, generation,
/// `status` kept apart) is not here but with the caller.
///
/// The order of a write: decode, schema, `default`, `prepare_*`, `validate_*`, store.
pub trait Strategy: Send + Sync {
    /// What only a custom kind has; `None` for a built-in one.
    fn custom(&self) -> Option<&CustomResource> {
        None
    }

    /// The version that objects of this one are stored in, if it is another.
    fn stored_version(&self) -> Option<&dyn StoredVersion> {
        None
    }

    /// The kind's type, where it is not one of the built-in ones.
    fn schema(&self) -> Option<Schema> {
        None
    }

    /// Fills in what the user left out (the API reference's "Defaults to").
    fn default(&self, _object: &mut Value) {}

    /// Sets what a create may not choose (the caller has dropped `status` already, if the kind has that subresource).
    fn prepare_create(&self, _object: &mut Value) {}

    /// Sets what an update may not choose (the caller has put the old `status` back already).
    fn prepare_update(&self, _new: &mut Value, _old: &Value) {}

    /// What is wrong with the object itself, beyond its schema.
    fn validate(&self, _object: &Value) -> Errors {
        Errors::new()
    }

    /// What is wrong with a new object, beyond what `validate` says: rules that objects stored before may break.
    fn validate_create(&self, _object: &Value) -> Errors {
        Errors::new()
    }

    /// What is wrong with the step from `old` to `new`: immutable fields and the like. `validate` is called as well.
    fn validate_update(&self, _new: &Value, _old: &Value) -> Errors {
        Errors::new()
    }

    /// What is wrong with a write of a part of the kind's own that is not its status: `ephemeralcontainers` of Pods.
    /// `validate` is called as well.
    fn validate_part(&self, _new: &Value, _old: &Value) -> Errors {
        Errors::new()
    }

    /// What is wrong with a write of `resize`: other resources for a Pod that runs. `validate` is called as well.
    fn validate_resize(&self, _new: &Value, _old: &Value) -> Errors {
        Errors::new()
    }

    /// What is wrong with a write of `status`.
    fn validate_status(&self, _new: &Value, _old: &Value) -> Errors {
        Errors::new()
    }

    /// What who uses this version at all is warned of, because it is deprecated.
    fn deprecation(&self) -> Option<&str> {
        None
    }

    /// Warnings for the user that are no errors.
    fn warnings(&self, _object: &Value) -> Vec<String> {
        Vec::new()
    }

    /// The value of a selectable field beyond `metadata.name` and `metadata.namespace`, such as `status.phase`;
    /// `None` if the kind cannot be selected by it. The object may come without its lists.
    fn selectable_field(&self, _object: &Value, _field: &str) -> Option<String> {
        None
    }

    /// The columns of `kubectl get`, the first of them `Name`.
    fn columns(&self) -> Vec<Column> {
        Plain.columns()
    }

    /// The cells of an object's row, one a column.
    fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        Plain.cells(object, now)
    }

    /// Whether the names of the kind follow the given rule; DNS subdomain for most.
    fn validate_name(&self, name: &str, path: &field::Path) -> Errors {
        Plain.validate_name(name, path)
    }
}

/// How a version of a built-in kind stands to the one that its objects are stored in.
pub trait StoredVersion: Send + Sync {
    /// The group of the stored version, empty for core.
    fn group(&self) -> &'static str;

    /// An object as it is stored.
    fn to_stored(&self, object: Value) -> Value;

    /// A stored object as this version shows it.
    fn of_stored(&self, stored: Value) -> Value;
}

/// A kind without rules of its own: two columns, `Name` and `Age`.
pub struct Plain;

impl Strategy for Plain {
    fn columns(&self) -> Vec<Column> {
        vec![Column::new("Name", "string"), Column::new("Age", "string")]
    }

    fn cells(&self, object: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            metadata::name(object).into(),
            age(&object["metadata"]["creationTimestamp"], now).into(),
        ]
    }

    fn validate_name(&self, name: &str, path: &field::Path) -> Errors {
        metadata::invalid(path, name, names::dns_subdomain(name))
    }
}
