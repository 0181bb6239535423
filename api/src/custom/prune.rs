//! What a custom resource may hold: fields that its schema does not know are dropped, and told.

use serde_json::{Map, Value};

use super::shape::{Additional, Shape};

/// More unknown fields than this are not told (as sigs.k8s.io/json).
const UNKNOWN_MAX: usize = 100;

/// Fields that every object with a kind has.
const TYPE_META: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Drops what the schema does not know; answers with the fields that went, such as `spec.foo`.
pub(super) fn prune(shape: &Shape, object: &mut Value) -> Vec<String> {
    let mut unknown = Vec::new();
    if let Value::Object(fields) = object {
        prune_object(shape, fields, "", true, &mut unknown);
    }
    unknown
}

fn prune_value(shape: &Shape, value: &mut Value, path: &str, unknown: &mut Vec<String>) {
    match value {
        Value::Object(fields) => prune_object(shape, fields, path, shape.embedded, unknown),
        Value::Array(items) => {
            let Some(shape) = &shape.items else { return };
            for (index, item) in items.iter_mut().enumerate() {
                prune_value(shape, item, &format!("{path}[{index}]"), unknown);
            }
        }
        _ => {}
    }
}

fn prune_object(
    shape: &Shape,
    fields: &mut Map<String, Value>,
    path: &str,
    has_kind: bool,
    unknown: &mut Vec<String>,
) {
    let keeps_all = shape.preserves_unknown || matches!(shape.additional, Additional::Any);
    fields.retain(|key, value| {
        if has_kind && TYPE_META.contains(&key.as_str()) {
            return true;
        }
        let path = super::child(path, key);
        match shape.field(key) {
            Some(field) => prune_value(field, value, &path, unknown),
            None if keeps_all => {}
            None => {
                if unknown.len() < UNKNOWN_MAX {
                    unknown.push(path);
                }
                return false;
            }
        }
        true
    });
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_the_schema_does_not_know_goes() {
        let shape = Shape::compile(&json!({
            "type": "object",
            "properties": {"spec": {
                "type": "object",
                "properties": {
                    "size": {"type": "integer"},
                    "free": {
                        "type": "object",
                        "x-kubernetes-preserve-unknown-fields": true,
                        "properties": {"known": {"type": "object", "properties": {"a": {"type": "string"}}}},
                    },
                    "map": {"type": "object", "additionalProperties": {"type": "object", "properties": {"a": {"type": "string"}}}},
                    "any": {"type": "object", "additionalProperties": true},
                    "list": {"type": "array", "items": {"type": "object", "properties": {"a": {"type": "string"}}}},
                    "pod": {"type": "object", "x-kubernetes-embedded-resource": true, "properties": {"spec": {"type": "object"}}},
                },
            }},
        }));
        let mut object = json!({
            "apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "a"}, "extra": 1,
            "spec": {
                "size": 1, "color": "red",
                "free": {"x": {"y": 1}, "known": {"a": "", "b": ""}},
                "map": {"k": {"a": "", "b": ""}},
                "any": {"k": {"b": ""}},
                "list": [{"a": ""}, {"b": ""}],
                "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {}, "status": {}},
            },
        });
        assert_eq!(
            prune(&shape, &mut object),
            [
                "extra",
                "spec.color",
                "spec.free.known.b",
                "spec.list[1].b",
                "spec.map.k.b",
                "spec.pod.status"
            ]
        );
        assert_eq!(
            object["spec"],
            json!({
                "size": 1,
                "free": {"x": {"y": 1}, "known": {"a": ""}},
                "map": {"k": {"a": ""}},
                "any": {"k": {"b": ""}},
                "list": [{"a": ""}, {}],
                "pod": {"apiVersion": "v1", "kind": "Pod", "metadata": {}},
            })
        );
    }
}
