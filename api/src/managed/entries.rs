//! `metadata.managedFields`: an entry for each manager, operation, version and subresource.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::set::FieldSet;
use super::versions::Changes;

/// More updates than this are not kept apart (as the API server of Kubernetes).
const UPDATES_MAX: usize = 10;
/// The manager of those that are not.
const ANCIENT: &str = "ancient-changes";

/// How the fields of an entry were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Apply,
    Update,
}

/// Who owns which fields (meta/v1 ManagedFieldsEntry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) manager: String,
    pub(super) operation: Operation,
    pub(super) api_version: String,
    /// Empty for the object as such.
    pub(super) subresource: String,
    /// When it last took a field; empty if that is not known.
    pub(super) time: String,
    pub(super) fields: FieldSet,
}

impl Entry {
    fn of_json(entry: &Value) -> Option<Self> {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        if entry["fieldsType"] != "FieldsV1" {
            return None;
        }
        Some(Self {
            manager: text("manager"),
            operation: match entry["operation"].as_str()? {
                "Apply" => Operation::Apply,
                "Update" => Operation::Update,
                _ => return None,
            },
            api_version: text("apiVersion"),
            subresource: text("subresource"),
            time: text("time"),
            fields: match &entry["fieldsV1"] {
                Value::Null => FieldSet::default(),
                fields => FieldSet::of_json(fields)?,
            },
        })
    }

    fn into_json(self) -> Value {
        let mut entry = json!({
            "manager": self.manager,
            "operation": match self.operation {
                Operation::Apply => "Apply",
                Operation::Update => "Update",
            },
            "apiVersion": self.api_version,
            "fieldsType": "FieldsV1",
            "fieldsV1": self.fields.into_json(),
        });
        for (field, value) in [("subresource", self.subresource), ("time", self.time)] {
            if !value.is_empty() {
                entry[field] = value.into();
            }
        }
        entry
    }

    /// Whether both are kept in one entry. Who applies has one for all versions.
    pub(super) fn is_same_manager(&self, other: &Self) -> bool {
        let same_version =
            self.operation == Operation::Apply || self.api_version == other.api_version;
        self.manager == other.manager
            && self.operation == other.operation
            && self.subresource == other.subresource
            && same_version
    }

    /// Takes out what somebody else changes; whether the entry stands after that.
    pub(super) fn loses(&mut self, changes: &mut Changes<'_>) -> bool {
        let Some(change) = changes.in_version(&self.api_version) else {
            return false;
        };
        self.fields.subtract(&change.taken);
        self.fields.subtract(&change.removed);
        true
    }

    /// The order in which entries stand.
    fn rank(&self) -> impl Ord + '_ {
        (
            self.operation,
            &self.time,
            &self.manager,
            &self.api_version,
            &self.subresource,
        )
    }
}

/// Reads the entries; `None` if one of them is malformed.
pub(super) fn read(managed_fields: &Value) -> Option<Vec<Entry>> {
    let entries = managed_fields.as_array().into_iter().flatten();
    entries.map(Entry::of_json).collect()
}

/// Whether somebody asks to forget all owners: a list of one empty entry.
pub(super) fn is_reset(managed_fields: &Value) -> bool {
    let entries = managed_fields.as_array().map(Vec::as_slice);
    matches!(entries, Some([Value::Object(only)]) if only.is_empty())
}

/// Writes the entries that own anything; null if there are none.
pub(super) fn write(mut entries: Vec<Entry>) -> Value {
    entries.retain(|entry| !entry.fields.is_empty());
    if entries.is_empty() {
        return Value::Null;
    }
    entries.sort_by(|one, other| one.rank().cmp(&other.rank()));
    entries.into_iter().map(Entry::into_json).collect()
}

/// Puts the oldest updates into one entry a version, so that there are not too many.
pub(super) fn cap(entries: &mut Vec<Entry>) {
    let is_update = |entry: &Entry| entry.operation == Operation::Update;
    let mut count = entries.iter().filter(|entry| is_update(entry)).count();
    if count <= UPDATES_MAX {
        return;
    }
    entries.sort_by(|one, other| one.rank().cmp(&other.rank()));
    // By version, the place of the first entry that was met, into which later ones go.
    let mut buckets: BTreeMap<String, usize> = BTreeMap::new();
    let mut at = 0;
    while at < entries.len() && count > UPDATES_MAX {
        if !is_update(&entries[at]) {
            at += 1;
            continue;
        }
        match buckets.get(&entries[at].api_version) {
            Some(&bucket) => {
                let entry = entries.remove(at);
                let into = &mut entries[bucket];
                into.manager = ANCIENT.to_owned();
                into.subresource.clear();
                into.time = entry.time;
                into.fields.unite(&entry.fields);
                count -= 1;
            }
            None => {
                buckets.insert(entries[at].api_version.clone(), at);
                at += 1;
            }
        }
    }
}
