//! The fields that an applied configuration sets, and sets as they are used to remove fields.

use std::collections::BTreeMap;

use serde_json::Value;

use super::element;
use super::place::{Form, Place};
use super::set::FieldSet;

/// The fields of a value: leaves, items of lists, keys of maps; of other objects only what is in them.
pub(super) fn fields_of(place: Place<'_>, value: &Value) -> FieldSet {
    match (place.form(value), value) {
        (Form::Leaf, _) => FieldSet::leaf(),
        (Form::Fields, Value::Object(fields)) => {
            let mut set = FieldSet::default();
            for (name, value) in fields {
                let mut below = fields_of(place.field(name), value);
                let is_empty =
                    value.is_null() || value.as_object().is_some_and(|map| map.is_empty());
                below.member |= is_empty || !place.declares(name);
                set.put(element::field(name), below);
            }
            set
        }
        (Form::Items(keys), Value::Array(items)) => items_of(place.items(), keys, items),
        _ => FieldSet::default(),
    }
}

fn items_of(place: Place<'_>, keys: &[Box<str>], items: &[Value]) -> FieldSet {
    let mut known: BTreeMap<String, Option<&Value>> = BTreeMap::new();
    for item in items {
        if let Some(element) = place.element_of(keys, item) {
            // Items of one identity are owned together.
            known
                .entry(element)
                .and_modify(|first| *first = None)
                .or_insert(Some(item));
        }
    }
    let mut set = FieldSet::default();
    for (element, item) in known {
        let mut below = item.map_or_else(FieldSet::default, |item| fields_of(place, item));
        below.member = true;
        set.put(element, below);
    }
    set
}

/// The set with each field by name that has a member inside: such fields go with the last of their parts.
pub(super) fn with_holders(set: &FieldSet, place: Place<'_>) -> FieldSet {
    let mut all = FieldSet::default();
    all.member = set.member;
    for (element, below) in set.iter() {
        let mut inside = with_holders(below, place.at(element));
        inside.member |= element::field_name(element).is_some_and(|name| place.declares(name));
        all.put(element.to_owned(), inside);
    }
    all
}
