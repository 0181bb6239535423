//! Server-side apply: a configuration into an object, and who owns what then.

use serde_json::{Value, json};

use super::compare::compare;
use super::configured::fields_of;
use super::conflict::{Conflict, status};
use super::entries::{self, Entry, Operation};
use super::place::Place;
use super::versions::{Changes, Kind, Version};
use super::{
    Write, across, last_applied, managed_fields, merge, remove, set_managed_fields, strip, typed,
};
use crate::{Schema, Status};

/// Who owned the fields of an object of which nothing was known.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// The object with a configuration applied to it, and with its owners; `live` is what stands, if anything does.
///
/// The writer owns what the configuration has. What he applied before and now leaves out goes, unless somebody else owns
/// it. 409 if somebody else owns a field that gets another value, unless the writer forces it; 400 or 500, as in
/// Kubernetes, if the configuration does not fit its schema.
pub fn apply(
    live: Option<&Value>,
    config: &Value,
    schema: &Schema,
    write: &Write<'_>,
    force: bool,
) -> Result<Value, Status> {
    apply_among(live, config, Kind::alike(schema), write, force)
}

/// [`apply`] to a kind that has several versions.
///
/// # Errors
/// Those of [`apply`].
pub fn apply_among(
    live: Option<&Value>,
    config: &Value,
    kind: Kind<'_>,
    write: &Write<'_>,
    force: bool,
) -> Result<Value, Status> {
    let schema = kind.schema;
    typed::check(schema, config)?;
    let sent = config;
    let mut config = sent.clone();
    schema.prune(&mut config);
    let mut set = fields_of(Place::root(schema), &config);
    strip(&mut set);
    let own = write.entry(Operation::Apply, set);
    let Some(live) = live else {
        set_managed_fields(&mut config, entries::write(vec![own]));
        return Ok(config);
    };
    let mut others = owners(live, schema, write);
    let before = others.iter().position(|entry| entry.is_same_manager(&own));
    let before = before.map(|at| others.swap_remove(at));
    let merged = merged(live, &config, kind, before.as_ref(), &own, &others);
    let mut changes = Changes::new(kind, live, &merged);
    if !force {
        check_conflicts(live, schema, write, &others, &mut changes)?;
    }
    others.retain_mut(|entry| entry.loses(&mut changes));
    others.push(match before {
        // Nothing is new, so neither is the time.
        Some(before) if before.fields == own.fields && changes.ours().is_empty() => Entry {
            time: before.time,
            ..own
        },
        _ => own,
    });
    let mut object = merged;
    if write.is_kubectl() {
        last_applied::renew(&mut object, sent);
    }
    set_managed_fields(&mut object, entries::write(others));
    Ok(object)
}

/// The entries of an object; all it has is somebody's if nothing is known.
fn owners(live: &Value, schema: &Schema, write: &Write<'_>) -> Vec<Entry> {
    let known = entries::read(managed_fields(live)).unwrap_or_default();
    if !known.is_empty() {
        return known;
    }
    let mut all = compare(schema, &json!({}), live).taken;
    write.leave_status(&mut all);
    let entry = write.entry(Operation::Update, all);
    vec![Entry {
        manager: BEFORE_FIRST_APPLY.to_owned(),
        ..entry
    }]
}

/// The configuration in the object, without what this manager applied before and nobody owns now.
fn merged(
    live: &Value,
    config: &Value,
    kind: Kind<'_>,
    before: Option<&Entry>,
    own: &Entry,
    others: &[Entry],
) -> Value {
    let schema = kind.schema;
    let mut merged = live.clone();
    set_managed_fields(&mut merged, Value::Null);
    merge::merge(Place::root(schema), &mut merged, config);
    let Some(before) = before else { return merged };
    let alike = |entry: &Entry| matches!(kind.versions.of(&entry.api_version), Version::Alike);
    if !alike(before) || !others.iter().all(alike) {
        return across::prune(kind, merged, before, own, others);
    }
    let mut left_out = before.fields.clone();
    left_out.subtract(&own.fields);
    if left_out.is_empty() {
        return merged;
    }
    let mut owned = own.fields.clone();
    for entry in others {
        owned.unite(&entry.fields);
    }
    remove::prune(schema, merged, &before.fields, &owned)
}

/// 409 if others own what is taken.
fn check_conflicts(
    live: &Value,
    schema: &Schema,
    write: &Write<'_>,
    others: &[Entry],
    changes: &mut Changes<'_>,
) -> Result<(), Status> {
    let of = |entry: &Entry| {
        let fields = entry
            .fields
            .common(&changes.in_version(&entry.api_version)?.taken);
        (!fields.is_empty()).then(|| Conflict::new(entry, fields))
    };
    let mut conflicts: Vec<Conflict> = others.iter().filter_map(of).collect();
    if !conflicts.is_empty() && write.is_kubectl() {
        let allowed = last_applied::allowed(live, schema);
        conflicts.retain_mut(|conflict| conflict.remains_without(&allowed));
    }
    if conflicts.is_empty() {
        Ok(())
    } else {
        Err(status(&conflicts))
    }
}
