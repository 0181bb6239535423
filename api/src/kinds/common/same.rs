//! Whether two values mean the same.

use serde_json::{Map, Value};

/// Whether two values are equal, where a missing field, an empty list and an empty map are the same (apimachinery's
/// `equality.Semantic`): users drop those, and encoders add them.
pub(crate) fn same<'a>(one: &'a Value, other: &'a Value) -> bool {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let field = |map: &'a Map<String, Value>, key| map.get(key).unwrap_or(&Value::Null);
            let mut keys = one.keys().chain(other.keys());
            keys.all(|key| same(field(one, key), field(other, key)))
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        _ => one == other || (is_blank(one) && is_blank(other)),
    }
}

fn is_blank(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn missing_and_empty_are_the_same() {
        for (one, other, equal) in [
            (
                json!({"a": 1}),
                json!({"a": 1, "b": null, "c": [], "d": {}}),
                true,
            ),
            (json!({"a": [{"b": {}}]}), json!({"a": [{}]}), true),
            (json!([]), json!({}), true),
            (json!({"a": 0}), json!({}), false),
            (json!({"a": ""}), json!({}), false),
            (json!([1]), json!([1, null]), false),
        ] {
            assert_eq!(same(&one, &other), equal, "{one} {other}");
            assert_eq!(same(&other, &one), equal, "{other} {one}");
        }
    }
}
