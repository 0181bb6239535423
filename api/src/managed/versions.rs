//! The versions of a kind: an entry of another version than the one that is written owns fields as that version has them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::compare::{Change, compare};
use super::set_managed_fields;
use crate::Schema;

/// The version that is written, and the way to the others.
#[derive(Clone, Copy)]
pub struct Kind<'a> {
    /// The type in the version that is written.
    pub schema: &'a Schema,
    /// The other versions.
    pub versions: &'a dyn Versions,
}

/// How the other versions of a kind stand to the one that is written.
pub trait Versions {
    /// What a version such as `example.com/v1` is.
    fn of(&self, api_version: &str) -> Version;

    /// An object in a version; `None` if it is not known yet. Then what comes of it is of no use, and the caller begins
    /// again when it is.
    fn converted(&self, object: &Value, api_version: &str) -> Option<Value>;
}

/// A version of a kind.
pub enum Version {
    /// It has the fields of the one that is written, or is that one.
    Alike,
    /// It has its own.
    Other(Schema),
    /// It is not served any more, so that nobody can own its fields.
    Gone,
}

/// The versions of most kinds.
pub(super) struct AllAlike;

impl Versions for AllAlike {
    fn of(&self, _: &str) -> Version {
        Version::Alike
    }

    fn converted(&self, object: &Value, _: &str) -> Option<Value> {
        Some(object.clone())
    }
}

impl<'a> Kind<'a> {
    /// A kind whose versions all have the same fields.
    pub(super) fn alike(schema: &'a Schema) -> Self {
        Self {
            schema,
            versions: &AllAlike,
        }
    }

    /// An object in another version, without what is known of its owners.
    pub(super) fn converted(&self, object: &Value, api_version: &str) -> Option<Value> {
        let mut bare = object.clone();
        set_managed_fields(&mut bare, Value::Null);
        self.versions.converted(&bare, api_version)
    }
}

/// What a write changes, as the versions see it.
pub(super) struct Changes<'a> {
    kind: Kind<'a>,
    old: &'a Value,
    new: &'a Value,
    ours: Change,
    /// Looked at when somebody has an entry of it; `None` if the version is gone.
    others: BTreeMap<String, Option<Change>>,
}

impl<'a> Changes<'a> {
    pub(super) fn new(kind: Kind<'a>, old: &'a Value, new: &'a Value) -> Self {
        Self {
            ours: compare(kind.schema, old, new),
            kind,
            old,
            new,
            others: BTreeMap::new(),
        }
    }

    /// In the version that is written.
    pub(super) fn ours(&self) -> &Change {
        &self.ours
    }

    /// In the version of an entry; `None` if that is gone.
    pub(super) fn in_version(&mut self, api_version: &str) -> Option<&Change> {
        let schema = match self.kind.versions.of(api_version) {
            Version::Alike => return Some(&self.ours),
            Version::Gone => return None,
            Version::Other(schema) => schema,
        };
        let (kind, old, new) = (self.kind, self.old, self.new);
        let seen = || {
            let old = kind.converted(old, api_version);
            let new = kind.converted(new, api_version);
            let both = old.zip(new);
            Some(both.map_or_else(Change::default, |(old, new)| compare(&schema, &old, &new)))
        };
        let change = self.others.entry(api_version.to_owned());
        change.or_insert_with(seen).as_ref()
    }
}
