//! Messages in JSON as Go writes them, made whole.

use serde_json::Value;

/// `told`, with every field that `shape` has and without those that it does not have.
///
/// Go leaves out fields that are zero, Rust's messages want them all. `shape` is such a message with all
/// of its inner messages there and one element in each list of messages. What `told` leaves out is
/// zero: an inner message is missing, a list or a map is empty.
pub(super) fn complete(shape: &Value, told: &Value) -> Value {
    match (shape, told) {
        // A map has no fields that are known: all its entries are its own.
        (Value::Object(shape), Value::Object(_)) if shape.is_empty() => told.clone(),
        (Value::Object(shape), Value::Object(told)) => shape
            .iter()
            .map(|(key, shape)| {
                let value = match told.get(key) {
                    None | Some(Value::Null) => zero(shape),
                    Some(told) => complete(shape, told),
                };
                (key.clone(), value)
            })
            .collect(),
        (Value::Array(shape), Value::Array(told)) => match shape.first() {
            Some(element) => told.iter().map(|told| complete(element, told)).collect(),
            None => told.clone().into(),
        },
        _ => told.clone(),
    }
}

/// A field that is not there.
fn zero(shape: &Value) -> Value {
    match shape {
        Value::Object(fields) if !fields.is_empty() => Value::Null,
        Value::Array(_) => Value::Array(Vec::new()),
        scalar => scalar.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_left_out_is_zero() {
        let shape = json!({
            "number": 0, "text": "", "map": {}, "texts": [],
            "message": { "flag": false, "inner": { "number": 0 } },
            "messages": [{ "text": "", "number": 0 }],
        });
        let cases = [
            (
                json!({}),
                json!({ "number": 0, "text": "", "map": {}, "texts": [], "message": null, "messages": [] }),
            ),
            (
                json!({ "map": { "a": "b" }, "texts": ["x"], "message": {}, "messages": [{ "number": 7 }] }),
                json!({
                    "number": 0, "text": "", "map": { "a": "b" }, "texts": ["x"],
                    "message": { "flag": false, "inner": null },
                    "messages": [{ "text": "", "number": 7 }],
                }),
            ),
            (
                json!({ "unknown": 1, "number": 3, "message": { "inner": { "number": 1 } } }),
                json!({
                    "number": 3, "text": "", "map": {}, "texts": [],
                    "message": { "flag": false, "inner": { "number": 1 } }, "messages": [],
                }),
            ),
        ];
        for (told, expected) in cases {
            assert_eq!(complete(&shape, &told), expected, "{told}");
        }
    }
}
