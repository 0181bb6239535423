//! What a write does to the fields of an object.

use std::collections::BTreeMap;

use serde_json::Value;

use super::element;
use super::place::{Form, Place};
use super::set::FieldSet;
use super::strip;
use crate::Schema;

/// What a write does to fields.
#[derive(Debug, Default)]
pub(super) struct Change {
    /// Those that are new or have another value.
    pub(super) taken: FieldSet,
    /// Those that are gone.
    pub(super) removed: FieldSet,
}

impl Change {
    pub(super) fn is_empty(&self) -> bool {
        self.taken.is_empty() && self.removed.is_empty()
    }

    fn put(&mut self, element: String, below: Self) {
        match (below.taken.is_empty(), below.removed.is_empty()) {
            (true, true) => {}
            (false, true) => self.taken.put(element, below.taken),
            (true, false) => self.removed.put(element, below.removed),
            (false, false) => {
                self.taken.put(element.clone(), below.taken);
                self.removed.put(element, below.removed);
            }
        }
    }
}

/// The fields in which two states of an object differ, without those that nobody owns.
pub(super) fn compare(schema: &Schema, old: &Value, new: &Value) -> Change {
    let mut change = walk(Place::root(schema), Some(old), Some(new));
    strip(&mut change.taken);
    strip(&mut change.removed);
    change
}

/// One of the two is there.
fn walk(place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Change {
    let form = place.form(new.or(old).unwrap_or(&Value::Null));
    let mut change = match form {
        Form::Fields if has_parts(old) || has_parts(new) => fields(place, old, new),
        Form::Items(keys) if has_parts(old) || has_parts(new) => {
            items(place.items(), keys, old, new)
        }
        // Nothing, in one spelling or another.
        Form::Fields | Form::Items(_) => Change::default(),
        Form::Leaf => {
            let mut change = Change::default();
            change.taken.member = new.is_some() && old != new;
            change.removed.member = new.is_none();
            return change;
        }
    };
    change.taken.member = old.is_none();
    change.removed.member = new.is_none();
    change
}

fn has_parts(value: Option<&Value>) -> bool {
    match value {
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::Array(items)) => !items.is_empty(),
        _ => false,
    }
}

fn fields(place: Place<'_>, old: Option<&Value>, new: Option<&Value>) -> Change {
    let mut change = Change::default();
    let (olds, news) = (
        old.and_then(Value::as_object),
        new.and_then(Value::as_object),
    );
    // What an object always has is empty where its JSON leaves it out.
    let absent = |holder: Option<&Value>, name: &str| {
        (holder.is_some() && place.always_has(name)).then_some(&Value::Null)
    };
    for (name, new) in news.into_iter().flatten() {
        let before = olds.and_then(|olds| olds.get(name));
        if before != Some(new) {
            let before = before.or_else(|| absent(old, name));
            change.put(
                element::field(name),
                walk(place.field(name), before, Some(new)),
            );
        }
    }
    for (name, old) in olds.into_iter().flatten() {
        if news.is_none_or(|news| !news.contains_key(name)) {
            let after = absent(new, name);
            change.put(
                element::field(name),
                walk(place.field(name), Some(old), after),
            );
        }
    }
    change
}

fn items(place: Place<'_>, keys: &[Box<str>], old: Option<&Value>, new: Option<&Value>) -> Change {
    let mut change = Change::default();
    let mut both: BTreeMap<String, [Vec<&Value>; 2]> = BTreeMap::new();
    for (side, list) in [old, new].into_iter().enumerate() {
        for item in list.and_then(Value::as_array).into_iter().flatten() {
            if let Some(element) = place.element_of(keys, item) {
                both.entry(element).or_default()[side].push(item);
            }
        }
    }
    for (element, [olds, news]) in both {
        let below = match (olds.as_slice(), news.as_slice()) {
            (olds, news) if olds == news => continue,
            ([] | [_], [] | [_]) => walk(place, olds.first().copied(), news.first().copied()),
            // Items of one identity are owned together.
            (_, news) => {
                let mut below = Change::default();
                below.taken.member = !news.is_empty();
                below.removed.member = news.is_empty();
                below
            }
        };
        change.put(element, below);
    }
    change
}
