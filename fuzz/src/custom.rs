//! Definitions of custom resources, with rules in CEL, and an object of theirs.

use serde_json::{Value, json};
use skiff_api::custom::{naming_status, served};
use skiff_api::decode_json;

use crate::bodies::{create, take_in};

/// Takes `{"schema": …, "object": …}`: a structural schema, and what somebody creates of it.
pub(crate) fn custom_resources(bytes: &[u8]) {
    let Ok(decoded) = decode_json(bytes) else {
        return;
    };
    let (schema, mut object) = (&decoded.value["schema"], decoded.value["object"].clone());
    let Some(mut definition) = create(definition_with(schema), &decoded.duplicates) else {
        return;
    };
    definition["status"] = naming_status(&definition, &[], "1970-01-01T00:00:00Z");
    let kinds = served(&definition, 1);
    assert_eq!(kinds.len(), 1, "what is sound is served: {definition}");
    if let Value::Object(fields) = &mut object {
        fields.insert("apiVersion".to_owned(), json!("example.com/v1"));
        fields.insert("kind".to_owned(), json!("Thing"));
    }
    take_in(&kinds[0], object, &[]);
}

fn definition_with(schema: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"},
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": {"openAPIV3Schema": schema},
                "subresources": {"status": {}},
            }],
        },
    })
}
