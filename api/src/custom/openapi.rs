//! What OpenAPI tells clients of a custom kind: its schema, completed with what every kind has.

use serde_json::{Map, Value, json};

use crate::Descriptor;

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";
const REFERENCES: &str = "#/definitions/";

/// What only OpenAPI v3 can say.
const V3_ONLY: [&str; 5] = ["allOf", "anyOf", "oneOf", "not", "nullable"];

/// The kind and its list by type name; references are `#/definitions/…`.
pub(super) fn definitions(
    descriptor: &Descriptor,
    schema: &Value,
    list_kind: &str,
    for_v2: bool,
) -> Map<String, Value> {
    let mut object = schema.clone();
    if for_v2 {
        lower(&mut object);
    }
    complete(&mut object, &kind_of(descriptor, &descriptor.kind));
    let list = json!({
        "description": format!("{list_kind} is a list of {}", descriptor.kind),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string", "description": API_VERSION},
            "kind": {"type": "string", "description": KIND},
            "metadata": {
                "description": "Standard list metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds",
                "$ref": format!("{REFERENCES}{META}.ListMeta"),
            },
            "items": {
                "description": format!("List of {}. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md", descriptor.plural),
                "type": "array",
                "items": {"$ref": format!("{REFERENCES}{}", descriptor.type_name)},
            },
        },
        "x-kubernetes-group-version-kind": kind_of(descriptor, list_kind),
    });
    let list_name = format!("{}List", descriptor.type_name);
    [
        (descriptor.type_name.to_string(), object),
        (list_name, list),
    ]
    .into_iter()
    .collect()
}

const API_VERSION: &str = "APIVersion defines the versioned schema of this representation of an object. Servers should convert recognized schemas to the latest internal value, and may reject unrecognized values. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#resources";
const KIND: &str = "Kind is a string value representing the REST resource this object represents. Servers may infer this from the endpoint the client submits requests to. Cannot be updated. In CamelCase. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#types-kinds";

fn kind_of(descriptor: &Descriptor, kind: &str) -> Value {
    json!([{"group": descriptor.group, "version": descriptor.version, "kind": kind}])
}

/// Adds what the schema of a definition leaves out.
fn complete(object: &mut Value, kind: &Value) {
    if !object.is_object() {
        *object = json!({"type": "object"});
    }
    object["x-kubernetes-group-version-kind"] = kind.clone();
    if !object["properties"].is_object() {
        object["properties"] = json!({});
    }
    let properties = &mut object["properties"];
    properties["apiVersion"] = json!({"type": "string", "description": API_VERSION});
    properties["kind"] = json!({"type": "string", "description": KIND});
    properties["metadata"] = json!({
        "description": "Standard object's metadata. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata",
        "$ref": format!("{REFERENCES}{META}.ObjectMeta"),
    });
}

/// Takes out what OpenAPI v2 cannot say. A value of more than one type has none there.
fn lower(schema: &mut Value) {
    let Value::Object(fields) = schema else {
        return;
    };
    let is_loose = fields.get("nullable") == Some(&Value::Bool(true))
        || fields.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
    fields.retain(|name, _| !V3_ONLY.contains(&name.as_str()) && name != "default");
    if is_loose {
        fields.remove("type");
    }
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        properties.values_mut().for_each(lower);
    }
    for name in ["items", "additionalProperties"] {
        if let Some(inner) = fields.get_mut(name) {
            lower(inner);
        }
    }
}
