//! OpenAPI v2 (Swagger): one document of everything.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use skiff_api::{Registry, definitions};

use super::operations::{Operation, Parameter, operations};
use super::references::V2;
use crate::version;
use crate::virtuals::VIRTUALS;

/// The document.
pub(super) fn document(registry: &Registry) -> Value {
    let mut paths = Map::new();
    for (group, version) in group_versions(registry) {
        for operation in operations(registry, &group, &version) {
            let item = paths
                .entry(operation.path.clone())
                .or_insert_with(|| json!({}));
            item[operation.method] = describe(&operation);
        }
    }
    json!({
        "swagger": "2.0",
        "info": {"title": "Kubernetes", "version": version::git_version()},
        "paths": paths,
        "definitions": all_definitions(registry),
    })
}

/// The types of all kinds.
fn all_definitions(registry: &Registry) -> BTreeMap<String, Value> {
    let mut all = definitions(|_| true);
    all.extend(custom_definitions(registry, true));
    all
}

/// The types of the custom kinds and of their lists, as version 2 tells of them or as version 3 does.
pub(super) fn custom_definitions(
    registry: &Registry,
    for_v2: bool,
) -> impl Iterator<Item = (String, Value)> {
    registry.iter().flat_map(move |known| {
        let custom = known.strategy.custom();
        custom
            .map(|custom| custom.definitions(known, for_v2))
            .unwrap_or_default()
    })
}

/// Every group and version that is served.
pub(super) fn group_versions(registry: &Registry) -> BTreeSet<(String, String)> {
    let stored = registry
        .iter()
        .map(|known| (known.group.to_string(), known.version.to_string()));
    let asked = VIRTUALS
        .iter()
        .map(|known| (known.group.to_owned(), known.version.to_owned()));
    stored.chain(asked).collect()
}

/// `x-kubernetes-group-version-kind`
pub(super) fn kind_of(operation: &Operation) -> Value {
    let [group, version, kind] = &operation.kind;
    json!({"group": group, "version": version, "kind": kind})
}

/// What a patch may be written in, first what custom resources do not take.
const PATCH_TYPES: [&str; 4] = [
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/apply-patch+yaml",
];

/// What a body may be written in.
pub(super) fn body_types(operation: &Operation) -> &'static [&'static str] {
    match (operation.action, operation.is_custom) {
        ("patch", false) => &PATCH_TYPES,
        ("patch", true) => &PATCH_TYPES[1..],
        _ => &["*/*"],
    }
}

fn describe(operation: &Operation) -> Value {
    let mut parameters: Vec<Value> = operation.parameters.iter().map(parameter).collect();
    if let Some(body) = &operation.body {
        parameters.push(json!({
            "name": "body",
            "in": "body",
            "required": matches!(operation.action, "post" | "put" | "patch"),
            "schema": reference(body),
        }));
    }
    let code = if operation.action == "post" {
        "201"
    } else {
        "200"
    };
    json!({
        "operationId": operation.id,
        "consumes": body_types(operation),
        "produces": ["application/json", "application/yaml"],
        "schemes": ["https"],
        "parameters": parameters,
        "responses": {code: {"description": "OK", "schema": reference(&operation.answer)}},
        "x-kubernetes-action": operation.action,
        "x-kubernetes-group-version-kind": kind_of(operation),
    })
}

fn parameter(parameter: &Parameter) -> Value {
    let mut described = json!({
        "name": parameter.name,
        "in": parameter.place,
        "type": parameter.value_type,
        "uniqueItems": true,
    });
    if parameter.place == "path" {
        described["required"] = true.into();
    }
    described
}

fn reference(type_name: &str) -> Value {
    json!({"$ref": format!("{V2}{type_name}")})
}
