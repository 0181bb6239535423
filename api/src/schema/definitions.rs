//! The OpenAPI v2 definitions of the types that the API serves.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use super::facts::Facts;
use super::types::{ServedType, common, served};

const INT_OR_STRING: &str = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
/// In lists these are known by their protocol too, which may be left out.
const PORTS: [&str; 2] = [
    "io.k8s.api.core.v1.ContainerPort",
    "io.k8s.api.core.v1.ServicePort",
];
pub(super) const QUANTITY: &str = "io.k8s.apimachinery.pkg.api.resource.Quantity";
/// Types of CustomResourceDefinitions that stand for any JSON value, or for one of several.
const ANY_JSON: [&str; 4] = [
    "JSON",
    "JSONSchemaPropsOrArray",
    "JSONSchemaPropsOrBool",
    "JSONSchemaPropsOrStringArray",
];
const LIST_META: &str = "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta";

/// The OpenAPI v2 definitions of the kinds whose type name is wanted, of their lists, of what every group sends
/// (Status, DeleteOptions, …), and of all types these are made of, by type name. References are `#/definitions/…`.
///
/// They are made anew each time, about a megabyte for all kinds: who serves them keeps the encoded bytes.
pub fn definitions(wanted: impl Fn(&str) -> bool) -> BTreeMap<String, Value> {
    let mut types = served();
    types.retain(|served| wanted(&served.name));
    types.extend(common());
    let mut generator = SchemaSettings::draft07().into_generator();
    let mut definitions = generate(&mut generator, &types);
    for served in &types {
        add_kind(served, &mut definitions);
    }
    definitions
}

/// The definitions of these types, completed with what k8s-openapi leaves out.
fn generate(generator: &mut SchemaGenerator, types: &[ServedType]) -> BTreeMap<String, Value> {
    for served in types {
        (served.define)(generator);
    }
    let facts = Facts::read();
    let mut definitions: BTreeMap<String, Value> =
        generator.take_definitions(false).into_iter().collect();
    for (type_name, definition) in &mut definitions {
        complete(type_name, definition);
        facts.apply(type_name, definition);
    }
    definitions
}

fn complete(type_name: &str, definition: &mut Value) {
    let Some(definition) = definition.as_object_mut() else {
        return;
    };
    if definition.remove("x-kubernetes-int-or-string").is_some() {
        definition.insert("type".into(), "string".into());
    }
    if type_name == INT_OR_STRING {
        definition.insert("format".into(), "int-or-string".into());
    }
    if PORTS.contains(&type_name)
        && let Some(protocol) = definition["properties"].get_mut("protocol")
    {
        protocol["default"] = "TCP".into();
    }
    if ANY_JSON.contains(&type_name.rsplit('.').next().unwrap_or_default()) {
        definition.remove("type");
    }
    // k8s-openapi calls `metadata` required so that its types need no Option; the API does not.
    if let Some(required) = definition.get_mut("required").and_then(Value::as_array_mut) {
        required.retain(|field| field != "metadata");
        if required.is_empty() {
            definition.remove("required");
        }
    }
}

/// Says which kind a type is, and defines its list.
fn add_kind(served: &ServedType, definitions: &mut BTreeMap<String, Value>) {
    let Some([group, version, kind]) = served.kind else {
        return;
    };
    let gvk = |kind: &str| json!([{ "group": group, "kind": kind, "version": version }]);
    if let Some(definition) = definitions.get_mut(&served.name) {
        definition["x-kubernetes-group-version-kind"] = gvk(kind);
    }
    if let Some(list_kind) = served.list_kind {
        let mut list = list_definition(served, definitions);
        list["x-kubernetes-group-version-kind"] = gvk(list_kind);
        definitions.insert(format!("{}List", served.name), list);
    }
}

fn list_definition(served: &ServedType, definitions: &BTreeMap<String, Value>) -> Value {
    let object = &definitions.get(&served.name).unwrap_or(&Value::Null)["properties"];
    let kind = served.kind.map_or("", |[_, _, kind]| kind);
    json!({
        "description": format!("{kind}List is a list of {kind} objects."),
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": object["apiVersion"],
            "kind": object["kind"],
            "metadata": { "$ref": LIST_META, "description": "Standard list metadata." },
            "items": {
                "description": format!("Items is the list of {kind} objects."),
                "type": "array",
                "items": { "$ref": format!("#/definitions/{}", served.name) },
            },
        },
    })
}
