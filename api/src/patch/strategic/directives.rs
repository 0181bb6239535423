//! The directives of a strategic merge patch: reading them, and what is left without them.

use std::collections::HashSet;

use serde_json::Value;

use super::{Object, bad_patch, identity, unknown_patch_type};
use crate::Status;

const PATCH: &str = "$patch";
const RETAIN_KEYS: &str = "$retainKeys";
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList/";
const SET_ELEMENT_ORDER: &str = "$setElementOrder/";

/// What `$patch` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Directive {
    /// Take the rest of the patch as it is.
    Replace,
    /// Empty the object, or take the item out of its list.
    Delete,
}

/// Whether a key is no field but a directive.
pub(super) fn is_directive(key: &str) -> bool {
    key == PATCH
        || key == RETAIN_KEYS
        || key.starts_with(DELETE_FROM_PRIMITIVE_LIST)
        || key.starts_with(SET_ELEMENT_ORDER)
}

/// The `$patch` of an object.
pub(super) fn of_object(patch: &Object) -> Result<Option<Directive>, Status> {
    let Some(directive) = patch.get(PATCH) else {
        return Ok(None);
    };
    match directive.as_str() {
        Some("replace") => Ok(Some(Directive::Replace)),
        Some("delete") => Ok(Some(Directive::Delete)),
        _ => Err(unknown_patch_type(directive, patch)),
    }
}

/// The `$patch` of an item of a list.
pub(super) fn of_item(item: &Value) -> Result<Option<Directive>, Status> {
    match item.as_object() {
        Some(item)
            if item
                .get(PATCH)
                .is_some_and(|directive| directive == "merge") =>
        {
            Err(bad_patch(
                "merging lists cannot yet be specified in the patch",
            ))
        }
        Some(item) => of_object(item),
        None => Ok(None),
    }
}

/// Applies `$retainKeys`: what it does not name goes.
pub(super) fn retain_keys(original: &mut Object, patch: &Object) -> Result<(), Status> {
    let Some(keys) = patch.get(RETAIN_KEYS) else {
        return Ok(());
    };
    let wrong = || bad_patch("invalid patch format of retainKeys");
    let keys: HashSet<&str> = keys
        .as_array()
        .ok_or_else(wrong)?
        .iter()
        .filter_map(Value::as_str)
        .collect();
    let sets = |(key, value): (&String, &Value)| !value.is_null() && !is_directive(key);
    let mut set = patch.iter().filter(|(key, value)| sets((key, value)));
    if !set.all(|(key, _)| keys.contains(key.as_str())) {
        return Err(wrong());
    }
    original.retain(|key, _| keys.contains(key.as_str()));
    Ok(())
}

/// The order that `$setElementOrder` gives the items of a field.
pub(super) fn element_order<'a>(
    patch: &'a Object,
    key: &str,
) -> Result<Option<&'a [Value]>, Status> {
    let order = patch.get(&format!("{SET_ELEMENT_ORDER}{key}"));
    order.map(list).transpose()
}

/// All fields that `$setElementOrder` names.
pub(super) fn element_orders(patch: &Object) -> impl Iterator<Item = (&str, &Value)> {
    patch
        .iter()
        .filter_map(|(key, order)| Some((key.strip_prefix(SET_ELEMENT_ORDER)?, order)))
}

/// The list of a `$setElementOrder`.
pub(super) fn list(order: &Value) -> Result<&[Value], Status> {
    let wrong = || bad_patch("invalid patch format of setElementOrder list");
    order.as_array().map(Vec::as_slice).ok_or_else(wrong)
}

/// Applies every `$deleteFromPrimitiveList`.
pub(super) fn delete_from_primitive_lists(
    original: &mut Object,
    patch: &Object,
) -> Result<(), Status> {
    for (key, gone) in patch {
        let Some(field) = key.strip_prefix(DELETE_FROM_PRIMITIVE_LIST) else {
            continue;
        };
        let wrong = || bad_patch("invalid patch format of primitive list");
        let gone = gone.as_array().ok_or_else(wrong)?;
        let gone: HashSet<String> = gone
            .iter()
            .map(|item| identity(item, None))
            .collect::<Result<_, _>>()?;
        if let Some(Value::Array(items)) = original.get_mut(field) {
            items.retain(|item| identity(item, None).is_ok_and(|item| !gone.contains(&item)));
        }
    }
    Ok(())
}

/// A value of a patch that is new to the object: no directives, no nulls. `None` if it says that it be deleted.
pub(super) fn without_in(change: &Value) -> Option<Value> {
    match change {
        Value::Object(object)
            if object
                .get(PATCH)
                .is_some_and(|directive| directive == "delete") =>
        {
            None
        }
        Value::Object(object) => Some(Value::Object(without(object))),
        Value::Array(items) => Some(Value::Array(without_in_list(items))),
        scalar => Some(scalar.clone()),
    }
}

/// The fields of an object of a patch, without directives and nulls.
pub(super) fn without(object: &Object) -> Object {
    object
        .iter()
        .filter(|(key, value)| !is_directive(key) && !value.is_null())
        .filter_map(|(key, value)| Some((key.clone(), without_in(value)?)))
        .collect()
}

/// The items of a list of a patch, without directives.
pub(super) fn without_in_list(items: &[Value]) -> Vec<Value> {
    let is_bare = |item: &Value| {
        let object = item.as_object();
        object.is_some_and(|object| object.len() == 1 && object.contains_key(PATCH))
    };
    items
        .iter()
        .filter(|item| !is_bare(item))
        .filter_map(without_in)
        .collect()
}
