//! OpenAPI v3: one document for each version of a group.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use skiff_api::{Registry, definitions};

use super::operations::{Operation, Parameter, group_path, operations};
use super::references::{V2, V3, reach};
use super::v2::{body_types, custom_definitions, group_versions, kind_of};
use crate::version;

/// What custom kinds use beside their own types.
const SCALE: &str = "io.k8s.api.autoscaling.v1.Scale";

/// The documents by path, such as `apis/apps/v1`: of the groups that have custom kinds, or of the others.
pub(super) fn documents(registry: &Registry, custom: bool) -> BTreeMap<String, Value> {
    let mut all = definitions(|name| !custom || name == SCALE);
    if custom {
        all.extend(custom_definitions(registry, false));
    }
    let has_custom = |group: &str, version: &str| {
        let mut kinds = registry.iter();
        kinds.any(|known| {
            known.group == group && known.version == version && known.strategy.custom().is_some()
        })
    };
    for schema in all.values_mut() {
        convert(schema);
    }
    group_versions(registry)
        .into_iter()
        .filter(|(group, version)| has_custom(group, version) == custom)
        .map(|(group, version)| {
            let operations = operations(registry, &group, &version);
            (group_path(&group, &version), document(&operations, &all))
        })
        .collect()
}

fn document(operations: &[Operation], schemas: &BTreeMap<String, Value>) -> Value {
    let mut paths = Map::new();
    let mut used = BTreeSet::new();
    for operation in operations {
        let item = paths
            .entry(operation.path.clone())
            .or_insert_with(|| json!({}));
        item[operation.method] = describe(operation);
        for type_name in operation.body.iter().chain([&operation.answer]) {
            let schema_of = |name: &str| schemas.get(name);
            reach(vec![type_name.as_str()], schema_of, V3, &mut used);
        }
    }
    let used: BTreeMap<&str, &Value> = used
        .into_iter()
        .filter_map(|name| schemas.get_key_value(name))
        .map(|(name, schema)| (name.as_str(), schema))
        .collect();
    json!({
        "openapi": "3.0.0",
        "info": {"title": "Kubernetes", "version": version::git_version()},
        "paths": paths,
        "components": {"schemas": used},
    })
}

/// Turns a schema of v2 into one of v3: references point elsewhere and stand alone, and a value may be of two types.
fn convert(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(convert),
        Value::Object(fields) => {
            fields.values_mut().for_each(convert);
            if let Some(Value::String(reference)) = fields.get_mut("$ref") {
                *reference = reference.replace(V2, V3);
                if fields.len() > 1
                    && let Some(reference) = fields.remove("$ref")
                {
                    fields.insert("allOf".into(), json!([{"$ref": reference}]));
                }
            }
            if fields
                .get("format")
                .is_some_and(|format| format == "int-or-string")
            {
                fields.remove("type");
                let either = json!([{"type": "integer"}, {"type": "string"}]);
                fields.insert("oneOf".into(), either);
            }
        }
        _ => {}
    }
}

fn describe(operation: &Operation) -> Value {
    let answer = content(&["application/json", "application/yaml"], &operation.answer);
    let code = if operation.action == "post" {
        "201"
    } else {
        "200"
    };
    let parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    let mut described = json!({
        "operationId": operation.id,
        "parameters": parameters,
        "responses": {code: {"description": "OK", "content": answer}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": kind_of(operation),
    });
    if let Some(body) = &operation.body {
        let content = content(body_types(operation), body);
        described["requestBody"] = json!({"content": content});
    }
    described
}

fn content(types: &[&str], type_name: &str) -> Value {
    let schema = json!({"schema": {"$ref": format!("{V3}{type_name}")}});
    let pairs = types
        .iter()
        .map(|name| ((*name).to_owned(), schema.clone()));
    Value::Object(pairs.collect())
}

fn parameter(parameter: &Parameter) -> Value {
    let mut described = json!({
        "name": parameter.name,
        "in": parameter.place,
        "schema": {"type": parameter.value_type, "uniqueItems": true},
    });
    if parameter.place == "path" {
        described["required"] = true.into();
    }
    described
}
