//! What a custom resource holds though nobody wrote it
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#defaulting>).

use serde_json::{Map, Value};

use super::shape::Shape;

/// Drops nulls where there may be none, then fills in the defaults of what is missing.
pub(super) fn apply(shape: &Shape, value: &mut Value) {
    match value {
        Value::Object(fields) => apply_to_fields(shape, fields),
        Value::Array(items) => {
            if let Some(shape) = &shape.items {
                items.iter_mut().for_each(|item| apply(shape, item));
            }
        }
        _ => {}
    }
}

fn apply_to_fields(shape: &Shape, fields: &mut Map<String, Value>) {
    fields.retain(|key, value| {
        let field = shape.field(key);
        !value.is_null() || field.is_none_or(|field| field.nullable)
    });
    for (name, field) in &shape.properties {
        if let Some(default) = &field.default
            && !fields.contains_key(name.as_ref())
        {
            fields.insert(name.to_string(), default.clone());
        }
    }
    for (key, value) in fields {
        if let Some(field) = shape.field(key) {
            apply(field, value);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_go_where_nothing_is() {
        let shape = Shape::compile(&json!({
            "type": "object",
            "properties": {"spec": {
                "type": "object",
                "default": {},
                "properties": {
                    "size": {"type": "integer", "default": 1},
                    "color": {"type": "string", "nullable": true, "default": "red"},
                    "note": {"type": "string"},
                    "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}},
                    "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string", "default": "x"}}}},
                },
            }},
        }));
        let cases = [
            (json!({}), json!({"spec": {"size": 1, "color": "red"}})),
            (
                json!({"spec": {"size": 3, "color": null, "note": null}}),
                json!({"spec": {"size": 3, "color": null}}),
            ),
            (
                json!({"spec": {"size": null, "color": "", "list": [{}, {"a": "y"}], "map": {"k": {}}}}),
                json!({"spec": {"size": 1, "color": "", "list": [{"a": "x"}, {"a": "y"}], "map": {"k": {"a": "x"}}}}),
            ),
        ];
        for (mut object, expected) in cases {
            apply(&shape, &mut object);
            assert_eq!(object, expected);
        }
    }
}
