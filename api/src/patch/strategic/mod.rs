//! Strategic merge patch: a merge patch that knows from the type which lists merge, and by which key
//! (k8s.io/apimachinery/pkg/util/strategicpatch).
//!
//! Beside the fields to change, a patch has directives: `$patch: replace` or `delete` in an object or item,
//! `$retainKeys`, `$deleteFromPrimitiveList/<field>` and `$setElementOrder/<field>`.

mod directives;
mod list;
mod order;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use serde_json::{Map, Value};

use crate::{Node, Reason, Status};
use directives::{Directive, is_directive};

type Object = Map<String, Value>;

pub(super) fn apply(object: &Value, patch: &Value, node: Node<'_>) -> Result<Value, Status> {
    let Value::Object(patch) = patch else {
        return Err(bad_patch(
            "error decoding patch: a strategic merge patch must be a JSON object",
        ));
    };
    let original = object.as_object().cloned().unwrap_or_default();
    merge_object(original, patch, Some(node)).map(Value::Object)
}

/// Without a node, the type is not known: objects merge, lists are replaced.
fn merge_object(
    mut original: Object,
    patch: &Object,
    node: Option<Node<'_>>,
) -> Result<Object, Status> {
    match directives::of_object(patch)? {
        Some(Directive::Replace) => return Ok(directives::without(patch)),
        Some(Directive::Delete) => return Ok(Object::new()),
        None => {}
    }
    directives::retain_keys(&mut original, patch)?;
    for (key, change) in patch.iter().filter(|(key, _)| !is_directive(key)) {
        let order = directives::element_order(patch, key)?;
        merge_field(&mut original, key, change, order, node)?;
    }
    for (key, order) in directives::element_orders(patch) {
        if !patch.contains_key(key) {
            arrange_field(&mut original, key, directives::list(order)?, node)?;
        }
    }
    directives::delete_from_primitive_lists(&mut original, patch)?;
    Ok(original)
}

fn merge_field(
    original: &mut Object,
    key: &str,
    change: &Value,
    order: Option<&[Value]>,
    node: Option<Node<'_>>,
) -> Result<(), Status> {
    let field = node.and_then(|node| node.field(key));
    let old = original.remove(key);
    let server_order = old.as_ref().and_then(Value::as_array).cloned();
    let mut merged = match (old, change) {
        (_, Value::Null) => return Ok(()),
        (Some(Value::Object(old)), Value::Object(change)) if !replaces(field) => {
            Value::Object(merge_object(old, change, field)?)
        }
        (Some(Value::Array(old)), Value::Array(change)) => {
            match field.filter(|field| field.rule().merge) {
                Some(field) => Value::Array(list::merge(old, change, field)?),
                None => Value::Array(directives::without_in_list(change)),
            }
        }
        (_, change) => match directives::without_in(change) {
            Some(change) => change,
            None => return Ok(()),
        },
    };
    if let (Some(order), Value::Array(items), Value::Array(change)) = (order, &mut merged, change) {
        let merge_key = merge_key(field);
        order::validate(change, order, merge_key)?;
        let server_order = server_order.unwrap_or_default();
        *items = order::arrange(std::mem::take(items), order, &server_order, merge_key)?;
    }
    original.insert(key.to_owned(), merged);
    Ok(())
}

/// A list whose items stay what they are and only take another order.
fn arrange_field(
    original: &mut Object,
    key: &str,
    order: &[Value],
    node: Option<Node<'_>>,
) -> Result<(), Status> {
    let Some(Value::Array(items)) = original.get_mut(key) else {
        return Ok(());
    };
    let merge_key = merge_key(node.and_then(|node| node.field(key)));
    let server_order = items.clone();
    *items = order::arrange(std::mem::take(items), order, &server_order, merge_key)?;
    Ok(())
}

fn replaces(field: Option<Node<'_>>) -> bool {
    field.is_some_and(|field| field.rule().replace)
}

fn merge_key(field: Option<Node<'_>>) -> Option<&str> {
    field.and_then(|field| field.rule().merge_key.as_deref())
}

/// The text that two items have in common if they are the same one: the value of the merge key, or the scalar itself.
fn identity(item: &Value, merge_key: Option<&str>) -> Result<String, Status> {
    let value = match (item, merge_key) {
        (Value::Object(object), Some(merge_key)) => object.get(merge_key).ok_or_else(|| {
            bad_patch(format!(
                "map: {item} does not contain declared merge key: {merge_key}"
            ))
        })?,
        (_, Some(_)) => {
            return Err(bad_patch(format!(
                "expected a map in the list, but received {item}"
            )));
        }
        (_, None) => item,
    };
    Ok(value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned))
}

/// 400: the patch itself is wrong.
fn bad_patch(words: impl Into<String>) -> Status {
    Status::bad_request(words)
}

/// 422: the patch has a directive that is none.
fn unknown_patch_type(directive: &Value, object: &Object) -> Status {
    let directive = directive
        .as_str()
        .map_or_else(|| directive.to_string(), str::to_owned);
    let object = Value::Object(object.clone());
    Status::new(
        Reason::Invalid,
        format!("unknown patch type '{directive}' in map: {object}"),
    )
}
