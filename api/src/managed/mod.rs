//! Who owns which field of an object (`metadata.managedFields`), and server-side apply.
//!
//! ```text
//!   old, new ──► compare ──► taken, removed ──► update: the writer owns what he changed
//!   configuration ──► typed ──► merge into live ──► remove what nobody owns ──► compare ──► conflict, or apply
//!   versions, across: entries of other versions are compared, and removed, as those see the object
//!   place: the schema as ownership sees it    set: FieldsV1    entries: managedFields    last_applied: from kubectl's own apply
//! ```
//!
//! Source: <https://kubernetes.io/docs/reference/using-api/server-side-apply/>, KEP-555.

mod across;
mod apply;
mod compare;
mod configured;
mod conflict;
mod element;
mod entries;
mod last_applied;
mod merge;
mod overlay;
mod place;
#[cfg(test)]
mod properties;
mod remove;
mod set;
#[cfg(test)]
mod tests;
mod typed;
mod update;
mod versions;

pub use apply::{apply, apply_among};
pub use overlay::merged;
pub use update::{created, updated, updated_among};
pub use versions::{Kind, Version, Versions};

use serde_json::{Map, Value};

use entries::{Entry, Operation};
use set::FieldSet;

/// A write, as it is entered in managedFields.
#[derive(Clone, Copy, Debug)]
pub struct Write<'a> {
    /// Who writes: the request's `fieldManager`, or the program in its User-Agent.
    pub manager: &'a str,
    /// In which version, such as `apps/v1`.
    pub api_version: &'a str,
    /// Through which subresource; empty for the object as such.
    pub subresource: &'a str,
    /// Whether the kind's status is written apart, so that a write of the object as such owns nothing of it.
    pub status_apart: bool,
    /// The current time as the API writes it.
    pub now: &'a str,
}

impl Write<'_> {
    fn entry(&self, operation: Operation, fields: FieldSet) -> Entry {
        let manager = if self.manager.is_empty() {
            "unknown"
        } else {
            self.manager
        };
        Entry {
            manager: manager.to_owned(),
            operation,
            api_version: self.api_version.to_owned(),
            subresource: self.subresource.to_owned(),
            time: self.now.to_owned(),
            fields,
        }
    }

    /// Whether it is kubectl's own server-side apply, which takes over from its client-side one.
    fn is_kubectl(&self) -> bool {
        self.manager == "kubectl" && self.subresource.is_empty()
    }

    /// Takes the status out of what a write of the object as such owns.
    fn leave_status(&self, fields: &mut FieldSet) {
        if self.status_apart && self.subresource.is_empty() {
            fields.cut("f:status");
        }
    }
}

/// Takes out what nobody owns: what an object is, and what the API server keeps of it.
fn strip(fields: &mut FieldSet) {
    const OF_SERVER: [&str; 8] = [
        "f:creationTimestamp",
        "f:generation",
        "f:managedFields",
        "f:name",
        "f:namespace",
        "f:resourceVersion",
        "f:selfLink",
        "f:uid",
    ];
    fields.member = false;
    fields.cut("f:apiVersion");
    fields.cut("f:kind");
    fields.change("f:metadata", |metadata| {
        metadata.member = false;
        for field in OF_SERVER {
            metadata.cut(field);
        }
    });
}

/// `metadata.managedFields`; null if there is none.
fn managed_fields(object: &Value) -> &Value {
    &object["metadata"]["managedFields"]
}

/// Sets `metadata.managedFields`; takes it away if it is null.
fn set_managed_fields(object: &mut Value, entries: Value) {
    let Some(object) = object.as_object_mut() else {
        return;
    };
    let metadata = object
        .entry("metadata")
        .or_insert_with(|| Value::Object(Map::new()));
    if let Value::Object(metadata) = metadata {
        match entries {
            Value::Null => metadata.remove("managedFields"),
            entries => metadata.insert("managedFields".to_owned(), entries),
        };
    }
}
