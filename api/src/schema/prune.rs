//! Values in the form they are stored in, as if they went through the types.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::check::whole;
use super::{Node, NodeType, Schema};
use crate::Quantity;

impl Schema {
    /// Drops unknown fields and nulls, and writes quantities, times and whole numbers in their canonical form.
    ///
    /// Values of a wrong type stay as they are.
    pub fn prune(&self, object: &mut Value) {
        prune(self.root(), object);
    }
}

fn prune(node: Node<'_>, value: &mut Value) {
    match (node.node_type(), &mut *value) {
        (NodeType::Object, Value::Object(map)) => prune_object(node, map),
        (NodeType::Array, Value::Array(list)) => prune_array(node, list),
        (node_type, _) => {
            if let Some(canonical) = canonical(node_type, value) {
                *value = canonical;
            }
        }
    }
}

fn prune_object(node: Node<'_>, map: &mut Map<String, Value>) {
    map.retain(|key, value| match node.field(key) {
        // A null in a map stands for the zero value; a field that is null is absent.
        Some(field) if !node.has_properties() => {
            prune_item(field, value);
            true
        }
        Some(_) if value.is_null() => false,
        Some(field) => {
            prune(field, value);
            true
        }
        None => node.preserves_unknown(),
    });
}

fn prune_array(node: Node<'_>, list: &mut [Value]) {
    if let Some(items) = node.items() {
        list.iter_mut().for_each(|item| prune_item(items, item));
    }
}

fn prune_item(node: Node<'_>, item: &mut Value) {
    if item.is_null() {
        *item = zero(node.node_type());
    }
    prune(node, item);
}

/// What Go's decoder makes of null.
fn zero(node_type: NodeType) -> Value {
    match node_type {
        NodeType::String | NodeType::Bytes => json!(""),
        NodeType::Int32 | NodeType::Int64 | NodeType::Number | NodeType::IntOrString => json!(0),
        NodeType::Quantity => json!("0"),
        NodeType::Boolean => json!(false),
        NodeType::Object => json!({}),
        NodeType::Any | NodeType::Array | NodeType::Time | NodeType::MicroTime => Value::Null,
    }
}

/// The canonical form of a scalar, if it differs.
fn canonical(node_type: NodeType, value: &Value) -> Option<Value> {
    match (node_type, value) {
        (NodeType::Int32 | NodeType::Int64 | NodeType::IntOrString, Value::Number(number)) => {
            number
                .is_f64()
                .then(|| whole(value).map(Value::from))
                .flatten()
        }
        (NodeType::Quantity, _) => Quantity::from_json(value)
            .ok()
            .map(|quantity| json!(quantity.to_string())),
        (NodeType::Time, Value::String(text)) => in_utc(text, "%Y-%m-%dT%H:%M:%SZ"),
        (NodeType::MicroTime, Value::String(text)) => in_utc(text, "%Y-%m-%dT%H:%M:%S.%6fZ"),
        _ => None,
    }
}

fn in_utc(text: &str, format: &str) -> Option<Value> {
    let time: Timestamp = text.parse().ok()?;
    Some(json!(time.strftime(format).to_string()))
}
