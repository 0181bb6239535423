//! CustomResourceDefinitions: kinds that users make. What they make of objects is [`crate::custom`].

mod costs;
mod names;
mod rules;
mod schema;
mod structural;
#[cfg(test)]
mod tests;
mod versions;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::admission::default_client_config;
use super::common::defaults::{default_to, existing};
use super::common::{Field, cells, checks, describe};
use crate::custom::is_true;
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: vec!["crd".into(), "crds".into()],
        categories: vec!["api-extensions".into()],
        subresources: describe::status(),
        ..describe::cluster(
            describe::API_EXTENSIONS,
            "CustomResourceDefinition",
            "customresourcedefinitions",
            CustomResourceDefinition,
        )
    }
}

pub(super) struct CustomResourceDefinition;

impl Strategy for CustomResourceDefinition {
    fn default(&self, definition: &mut Value) {
        let Some(spec) = existing(definition, "spec") else {
            return;
        };
        let kind = spec["names"]["kind"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        if !kind.is_empty() {
            default_to(&mut spec["names"], "singular", kind.to_lowercase());
            default_to(&mut spec["names"], "listKind", format!("{kind}List"));
        }
        if !spec["conversion"].is_object() {
            spec["conversion"] = json!({"strategy": "None"});
        }
        let webhook = existing(&mut spec["conversion"], "webhook");
        if let Some(client) = webhook.and_then(|webhook| existing(webhook, "clientConfig")) {
            default_client_config(client);
        }
    }

    fn prepare_create(&self, definition: &mut Value) {
        if definition.is_object() {
            definition["status"] = json!({
                "acceptedNames": {"kind": "", "plural": ""},
                "conditions": [],
                "storedVersions": [],
            });
            remember_storage(definition);
        }
    }

    fn prepare_update(&self, new: &mut Value, _old: &Value) {
        remember_storage(new);
    }

    fn validate(&self, definition: &Value) -> Errors {
        let mut errors = Errors::new();
        let root = Field::root(definition);
        names::validate(&root, &mut errors);
        versions::validate(&root.get("spec"), &mut errors);
        stored_versions(&root, &mut errors);
        errors
    }

    fn validate_create(&self, definition: &Value) -> Errors {
        let mut errors = Errors::new();
        versions::validate_costs(&Field::root(definition).get("spec"), None, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old_spec) = (Field::root(new).get("spec"), Field::root(old).get("spec"));
        let (new_names, old_names) = (new.get("names"), old_spec.get("names"));
        let mut fixed = vec![
            (new.get("group"), old_spec.get("group")),
            (new_names.get("plural"), old_names.get("plural")),
        ];
        if is_true(old, "Established") {
            fixed.push((new.get("scope"), old_spec.get("scope")));
            fixed.push((new_names.get("kind"), old_names.get("kind")));
        }
        for (new, old) in &fixed {
            checks::immutable(new, old, &mut errors);
        }
        versions::validate_costs(&new, Some(&old_spec), &mut errors);
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        stored_versions(&Field::root(new), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![cells::name_column(), Column::new("Created At", "date")]
    }

    fn cells(&self, definition: &Value, _now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(definition),
            definition["metadata"]["creationTimestamp"].clone(),
        ]
    }
}

/// Notes that there may be objects of the storage version from now on.
fn remember_storage(definition: &mut Value) {
    let versions = cells::items(definition, "/spec/versions").iter();
    let mut storage = versions.filter(|version| version["storage"] == true);
    let Some(name) = storage.next().map(|version| version["name"].clone()) else {
        return;
    };
    match &mut definition["status"]["storedVersions"] {
        Value::Array(stored) if stored.contains(&name) => {}
        Value::Array(stored) => stored.push(name),
        none => *none = json!([name]),
    }
}

/// A version that objects may be stored in cannot go.
fn stored_versions(definition: &Field<'_>, errors: &mut Errors) {
    let versions: Vec<&str> = definition
        .get("spec")
        .get("versions")
        .items()
        .map(|version| version.get("name").str())
        .collect();
    let stored = definition.get("status").get("storedVersions");
    if stored.is_empty() {
        errors.push(stored.invalid("must have at least one stored version"));
    }
    for version in stored.items() {
        let name = version.str();
        if !versions.contains(&name) {
            errors.push(version.invalid(format!(
                "missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions"
            )));
        }
    }
}
