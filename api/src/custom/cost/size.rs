//! How large the values of a schema may become, and how small they may be
//! (k8s.io/apiserver/pkg/cel/common, SchemaDeclType).

use serde_json::Value;

/// The largest request, in bytes: nothing in it can be larger.
const REQUEST_BYTES: u64 = 3 << 20;
/// The bytes that a character of a text may take.
const CHARACTER_BYTES: u64 = 4;
/// The longest form of a duration and of a time.
const LONGEST_TIME: u64 = 32;

/// The largest text that a request holds, which needs its quotes.
pub(super) const LONGEST_TEXT: u64 = REQUEST_BYTES - 2;

/// How many bytes a text may have at most, or items a list, or entries a map; 0 for what has no length.
pub(super) fn largest(schema: &Value) -> u64 {
    let bound = |name: &str| schema[name].as_u64();
    if is_loose(schema) {
        return LONGEST_TEXT;
    }
    match schema["type"].as_str() {
        Some("string") => longest_text(schema),
        Some("array") => bound("maxItems").unwrap_or_else(|| {
            // A comma each.
            LONGEST_TEXT / (smallest(&schema["items"]) + 1)
        }),
        Some("object") if schema["additionalProperties"].is_object() => bound("maxProperties")
            .unwrap_or_else(|| {
                // An empty key with its quotes, a colon and a comma each.
                LONGEST_TEXT / (smallest(&schema["additionalProperties"]) + 6)
            }),
        _ => 0,
    }
}

fn longest_text(schema: &Value) -> u64 {
    let choices = schema["enum"].as_array().into_iter().flatten();
    let longest = choices.filter_map(Value::as_str).map(str::len).max();
    match (schema["maxLength"].as_u64(), schema["format"].as_str()) {
        (_, Some("duration" | "date" | "date-time")) => LONGEST_TIME,
        (Some(bytes), Some("byte")) => bytes,
        (Some(characters), _) => characters.saturating_mul(CHARACTER_BYTES),
        (None, _) => longest.map_or(LONGEST_TEXT, |bytes| bytes as u64),
    }
}

/// The bytes that a value takes at least in JSON.
fn smallest(schema: &Value) -> u64 {
    if is_loose(schema) {
        return 1;
    }
    match schema["type"].as_str() {
        Some("string") => match schema["format"].as_str() {
            Some("duration") => 3,
            Some("date") => 12,
            Some("date-time") => 21,
            _ => 2,
        },
        Some("boolean") => 4,
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.filter_map(Value::as_str).filter_map(|name| {
                let field = schema["properties"].get(name)?;
                // The server fills in what has a default.
                field["default"]
                    .is_null()
                    .then(|| name.len() as u64 + smallest(field) + 4)
            });
            2 + fields.sum::<u64>()
        }
        Some("array") => 2,
        _ => 1,
    }
}

/// `number` by a factor, rounded up, and never too large to count.
pub(super) fn scaled(number: u64, factor: f64) -> u64 {
    (number as f64 * factor).ceil() as u64
}

fn is_loose(schema: &Value) -> bool {
    schema["x-kubernetes-int-or-string"] == true
}

/// How often such a value may stand in one object, if nothing bounds the lists around it.
pub(crate) fn most_often(schema: &Value) -> u64 {
    REQUEST_BYTES / (smallest(schema) + 1)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_bounds_its_values() {
        let item = json!({"type": "object", "required": ["ab", "c"], "properties": {
            "ab": {"type": "string"}, "c": {"type": "integer", "default": 1},
        }});
        let cases = [
            (json!({"type": "integer"}), 0, 1),
            (json!({"type": "string"}), LONGEST_TEXT, 2),
            (json!({"type": "string", "maxLength": 10}), 40, 2),
            (json!({"type": "string", "enum": ["a", "abc"]}), 3, 2),
            (json!({"type": "string", "format": "date-time"}), 32, 21),
            (json!({"x-kubernetes-int-or-string": true}), LONGEST_TEXT, 1),
            (
                json!({"type": "array", "items": item}),
                LONGEST_TEXT / 11,
                2,
            ),
            (json!({"type": "array", "items": item, "maxItems": 7}), 7, 2),
            (
                json!({"type": "object", "additionalProperties": {"type": "boolean"}}),
                LONGEST_TEXT / 10,
                2,
            ),
            (item, 0, 10),
        ];
        for (schema, most, least) in cases {
            assert_eq!(
                (largest(&schema), smallest(&schema)),
                (most, least),
                "{schema}"
            );
        }
    }
}
