//! Ownership after a write that is no apply: who changes a field owns it.

use serde_json::{Value, json};

use super::compare::compare;
use super::entries::{self, Entry, Operation};
use super::versions::{Changes, Kind};
use super::{Write, managed_fields, set_managed_fields};
use crate::Schema;

/// Enters the writer of a new object as the owner of all its fields.
pub fn created(object: &mut Value, schema: &Schema, write: &Write<'_>) {
    let mut change = compare(schema, &json!({}), object);
    write.leave_status(&mut change.taken);
    let entry = write.entry(Operation::Update, change.taken);
    set_managed_fields(object, entries::write(vec![entry]));
}

/// Enters a writer as the owner of the fields that `new` has otherwise than `old`, which others lose.
///
/// `given` are the managedFields that the writer sent, who may so give fields to others; those of `old` stand if he sent
/// none or malformed ones. An empty entry alone forgets all owners; an object without any gets none until somebody applies.
pub fn updated(
    old: &Value,
    new: &mut Value,
    given: Option<&Value>,
    schema: &Schema,
    write: &Write<'_>,
) {
    updated_among(old, new, given, Kind::alike(schema), write);
}

/// [`updated`] of a kind that has several versions.
pub fn updated_among(
    old: &Value,
    new: &mut Value,
    given: Option<&Value>,
    kind: Kind<'_>,
    write: &Write<'_>,
) {
    let entries = entries_after(old, new, given, kind, write);
    set_managed_fields(new, entries);
}

fn entries_after(
    old: &Value,
    new: &Value,
    given: Option<&Value>,
    kind: Kind<'_>,
    write: &Write<'_>,
) -> Value {
    let stands = managed_fields(old);
    let given = given.filter(|given| *given != stands);
    if given.is_some_and(entries::is_reset) {
        return Value::Null;
    }
    let mut changes = Changes::new(kind, old, new);
    let given = given
        .and_then(entries::read)
        .filter(|entries| !entries.is_empty());
    let mut entries = match given {
        None if changes.ours().is_empty() => return stands.clone(),
        None => entries::read(stands).unwrap_or_default(),
        Some(given) => given,
    };
    if entries.is_empty() {
        return Value::Null;
    }
    entries.retain_mut(|entry| entry.loses(&mut changes));
    let taken = changes.ours().taken.clone();
    if !taken.is_empty() {
        take(&mut entries, write.entry(Operation::Update, taken));
    }
    entries.retain(|entry| !entry.fields.is_empty());
    entries::cap(&mut entries);
    entries::write(entries)
}

/// Adds fields to a manager's entry, which is made if he has none.
fn take(entries: &mut Vec<Entry>, taken: Entry) {
    match entries
        .iter_mut()
        .find(|entry| entry.is_same_manager(&taken))
    {
        Some(entry) => {
            entry.fields.unite(&taken.fields);
            entry.time = taken.time;
        }
        None => entries.push(taken),
    }
}
