//! Conditions of a status, of which there is one a type.

use serde_json::{Value, json};

/// Sets a condition in the place of the one of its type.
pub(super) fn set_condition(object: &mut Value, condition: Value) {
    let conditions = &mut object["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    if let Value::Array(conditions) = conditions {
        conditions.retain(|known| known["type"] != condition["type"]);
        conditions.push(condition);
    }
}
