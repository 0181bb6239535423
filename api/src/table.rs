//! Objects as the rows that `kubectl get` prints (meta.k8s.io/v1 Table).

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::{Column, Descriptor};

/// How much of its object a row carries (meta/v1 IncludeObjectPolicy).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IncludeObject {
    /// Its metadata, as PartialObjectMetadata.
    #[default]
    Metadata,
    /// All of it.
    Object,
    /// Nothing.
    None,
}

impl IncludeObject {
    /// Reads the parameter `includeObject`; `None` if it is no known policy.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "" | "Metadata" => Some(Self::Metadata),
            "Object" => Some(Self::Object),
            "None" => Some(Self::None),
            _ => None,
        }
    }
}

/// A Table of these objects; `metadata` is that of the list, `api_version` is `meta.k8s.io/v1` or `…/v1beta1`.
pub fn table<'a>(
    descriptor: &Descriptor,
    objects: impl IntoIterator<Item = &'a Value>,
    metadata: Value,
    include: IncludeObject,
    api_version: &str,
    now: Timestamp,
) -> Value {
    let columns: Vec<Value> = descriptor
        .strategy
        .columns()
        .iter()
        .map(definition)
        .collect();
    let rows: Vec<Value> = objects
        .into_iter()
        .map(|object| row(descriptor, object, include, api_version, now))
        .collect();
    json!({
        "kind": "Table",
        "apiVersion": api_version,
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    })
}

/// The object without all but its metadata (meta.k8s.io/v1 PartialObjectMetadata).
pub fn partial_metadata(object: &Value, api_version: &str) -> Value {
    json!({
        "kind": "PartialObjectMetadata",
        "apiVersion": api_version,
        "metadata": object["metadata"],
    })
}

fn definition(column: &Column) -> Value {
    json!({
        "name": column.name,
        "type": column.cell_type,
        "format": if column.name == "Name" { "name" } else { &column.format },
        "description": column.description,
        "priority": column.priority,
    })
}

fn row(
    descriptor: &Descriptor,
    object: &Value,
    include: IncludeObject,
    api_version: &str,
    now: Timestamp,
) -> Value {
    let mut row = json!({ "cells": descriptor.strategy.cells(object, now) });
    match include {
        IncludeObject::Metadata => row["object"] = partial_metadata(object, api_version),
        IncludeObject::Object => row["object"] = object.clone(),
        IncludeObject::None => {}
    }
    row
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Plain, Scope, Subresources, Verb};

    fn descriptor() -> Descriptor {
        Descriptor {
            group: "".into(),
            version: "v1".into(),
            kind: "ConfigMap".into(),
            plural: "configmaps".into(),
            singular: "configmap".into(),
            short_names: vec!["cm".into()],
            categories: Vec::new(),
            scope: Scope::Namespaced,
            verbs: Verb::ALL.to_vec(),
            subresources: Subresources::default(),
            type_name: "io.k8s.api.core.v1.ConfigMap".into(),
            strategy: Arc::new(Plain),
        }
    }

    #[test]
    fn rows_have_cells_and_what_is_asked_of_the_object() {
        let object = json!({ "metadata": { "name": "a", "creationTimestamp": "2026-01-01T00:00:00Z" }, "data": {} });
        let partial = json!({
            "kind": "PartialObjectMetadata",
            "apiVersion": "meta.k8s.io/v1",
            "metadata": object["metadata"],
        });
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let cases = [
            ("Metadata", Some(&partial)),
            ("Object", Some(&object)),
            ("None", None),
        ];
        for (policy, expected) in cases {
            let include = IncludeObject::parse(policy).unwrap();
            let metadata = json!({ "resourceVersion": "7" });
            let table = table(
                &descriptor(),
                [&object],
                metadata,
                include,
                "meta.k8s.io/v1",
                now,
            );
            assert_eq!(
                (&table["kind"], &table["apiVersion"]),
                (&json!("Table"), &json!("meta.k8s.io/v1"))
            );
            assert_eq!(table["metadata"]["resourceVersion"], "7");
            assert_eq!(table["rows"][0]["cells"], json!(["a", "60s"]));
            assert_eq!(table["rows"][0].get("object"), expected);
            let name = json!({ "name": "Name", "type": "string", "format": "name", "description": "", "priority": 0 });
            assert_eq!(table["columnDefinitions"][0], name);
        }
        assert_eq!(IncludeObject::parse("All"), None);
    }
}
