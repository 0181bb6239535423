//! An applied configuration into the object that stands.

use std::collections::{HashMap, HashSet};

use serde_json::{Map, Value};

use super::place::{Form, Place};

/// Sets what the configuration says; the rest stays.
pub(super) fn merge(place: Place<'_>, live: &mut Value, config: &Value) {
    match (place.form(config), config) {
        (Form::Fields, Value::Object(config)) => {
            if !live.is_object() {
                *live = Value::Object(Map::new());
            }
            let Value::Object(live) = live else { return };
            for (name, wanted) in config {
                match live.get_mut(name) {
                    Some(standing) => merge(place.field(name), standing, wanted),
                    None => {
                        live.insert(name.clone(), wanted.clone());
                    }
                }
            }
        }
        (Form::Items(keys), Value::Array(config)) => {
            let standing = match live.take() {
                Value::Array(items) => items,
                _ => Vec::new(),
            };
            *live = Value::Array(merge_items(place.items(), keys, standing, config));
        }
        _ => *live = config.clone(),
    }
}

/// The items of both: those of the configuration in its order, between them the others where they stood.
fn merge_items(
    place: Place<'_>,
    keys: &[Box<str>],
    live: Vec<Value>,
    config: &[Value],
) -> Vec<Value> {
    let identity = |item: &Value| place.element_of(keys, item).unwrap_or_default();
    let config: Vec<(String, &Value)> = config.iter().map(|item| (identity(item), item)).collect();
    let wanted: HashSet<&str> = config.iter().map(|(element, _)| element.as_str()).collect();
    let mut shared: HashMap<String, Value> = HashMap::new();
    let mut order = Vec::new();
    for item in live {
        let element = identity(&item);
        if wanted.contains(element.as_str()) {
            order.push(Err(element.clone()));
            shared.entry(element).or_insert(item);
        } else {
            order.push(Ok(item));
        }
    }
    let is_shared: HashSet<String> = shared.keys().cloned().collect();
    let mut merged = Vec::new();
    let mut rest = config.iter().peekable();
    let mut take = |(element, wanted): &(String, &Value), merged: &mut Vec<Value>| {
        let mut item = shared.remove(element).unwrap_or_else(|| (*wanted).clone());
        merge(place, &mut item, wanted);
        merged.push(item);
    };
    let mut due = config
        .iter()
        .map(|(element, _)| element)
        .filter(|element| is_shared.contains(*element))
        .peekable();
    for standing in order {
        match standing {
            Ok(item) => merged.push(item),
            // It is the next that both have: what the configuration puts before it, and it.
            Err(element) if due.peek() == Some(&&element) => {
                due.next();
                for next in rest.by_ref() {
                    take(next, &mut merged);
                    if next.0 == element {
                        break;
                    }
                }
            }
            // It comes, or came, where the configuration has it.
            Err(_) => {}
        }
    }
    for next in rest {
        take(next, &mut merged);
    }
    merged
}
