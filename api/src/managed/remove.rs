//! Taking fields out of an object: those that their one owner no longer applies.

use serde_json::Value;

use super::configured::{fields_of, with_holders};
use super::element;
use super::place::{Form, Place};
use super::set::FieldSet;
use crate::Schema;

/// The object without the fields of `last` that nobody owns any more.
///
/// `owned` is what all managers own now. A field in which somebody owns anything stays, with that; an item of a list or a
/// key of a map goes with all that is in it.
pub(super) fn prune(schema: &Schema, merged: Value, last: &FieldSet, owned: &FieldSet) -> Value {
    let place = Place::root(schema);
    let last = with_holders(last, place);
    let all = with_holders(&fields_of(place, &merged), place);
    let rest = |object: &Value| with_holders(&fields_of(place, object), place);

    // All that was applied, with what is inside it; then what is owned comes back.
    let without = remove(place, &merged, &last).unwrap_or_default();
    let mut gone = all.clone();
    gone.subtract(&rest(&without));
    gone.subtract(&with_holders(owned, place));
    let with_owned = remove(place, &merged, &gone).unwrap_or_default();
    // Then what went along without ever having been applied, unless what it stands in is gone.
    let mut gone = all;
    gone.subtract(&rest(&with_owned));
    remove(place, &merged, &gone.common(&last)).unwrap_or_default()
}

/// The value without these fields; `None` if they were all there was.
pub(super) fn remove(place: Place<'_>, value: &Value, gone: &FieldSet) -> Option<Value> {
    match (place.form(value), value) {
        (Form::Fields, Value::Object(fields)) if !fields.is_empty() => {
            let left = fields.iter().filter_map(|(name, value)| {
                let kept = kept(place.field(name), value, gone.below(&element::field(name)))?;
                Some((name.clone(), kept))
            });
            let left: serde_json::Map<String, Value> = left.collect();
            (!left.is_empty()).then_some(Value::Object(left))
        }
        (Form::Items(keys), Value::Array(items)) if !items.is_empty() => {
            let items_place = place.items();
            let left = items.iter().filter_map(|item| {
                let element = items_place.element_of(keys, item);
                let gone = element.and_then(|element| gone.below(&element));
                kept(items_place, item, gone)
            });
            let left: Vec<Value> = left.collect();
            (!left.is_empty()).then_some(Value::Array(left))
        }
        _ => Some(value.clone()),
    }
}

fn kept(place: Place<'_>, value: &Value, gone: Option<&FieldSet>) -> Option<Value> {
    match gone {
        None => Some(value.clone()),
        Some(gone) if gone.member => None,
        Some(gone) => remove(place, value, gone),
    }
}
