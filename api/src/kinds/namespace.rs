//! Namespaces.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::text;
use super::common::defaults::{default_to, ensure, remove};
use super::common::{Field, cells, describe};
use crate::field::{Errors, Path};
use crate::{Column, Descriptor, Strategy, Verb, metadata, names};

/// The label by which selectors know a namespace's name (KEP-2161).
const NAME_LABEL: &str = "kubernetes.io/metadata.name";

pub(super) fn descriptor() -> Descriptor {
    let verbs = Verb::ALL
        .into_iter()
        .filter(|verb| *verb != Verb::DeleteCollection);
    Descriptor {
        short_names: describe::short("ns"),
        verbs: verbs.collect(),
        subresources: describe::status(),
        ..describe::cluster(describe::CORE, "Namespace", "namespaces", Namespace)
    }
}

pub(super) struct Namespace;

impl Strategy for Namespace {
    fn default(&self, namespace: &mut Value) {
        let name = metadata::name(namespace).to_owned();
        if name.is_empty() {
            return;
        }
        let labels = ensure(namespace, "metadata").and_then(|meta| ensure(meta, "labels"));
        if let Some(labels) = labels {
            labels[NAME_LABEL] = name.into();
        }
    }

    fn prepare_create(&self, namespace: &mut Value) {
        self.default(namespace);
        if let Some(spec) = ensure(namespace, "spec") {
            default_to(spec, "finalizers", json!([]));
            let finalizers = spec["finalizers"].as_array_mut();
            if let Some(finalizers) = finalizers
                && !finalizers.contains(&json!("kubernetes"))
            {
                finalizers.push("kubernetes".into());
            }
        }
        if namespace.is_object() {
            namespace["status"] = json!({"phase": "Active"});
        }
    }

    /// `spec.finalizers` has a subresource of its own.
    fn prepare_update(&self, new: &mut Value, old: &Value) {
        let Some(spec) = ensure(new, "spec") else {
            return;
        };
        match old["spec"].get("finalizers") {
            Some(finalizers) => spec["finalizers"] = finalizers.clone(),
            None => drop(remove(spec, "finalizers")),
        }
    }

    fn validate(&self, namespace: &Value) -> Errors {
        let mut errors = Errors::new();
        for finalizer in Field::root(namespace).get("spec").get("finalizers").items() {
            super::common::checks::name(&finalizer, names::qualified_name, &mut errors);
        }
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let phase = Field::root(new).get("status").get("phase");
        let words = match (metadata::deletion_timestamp(new), phase.str()) {
            (None, "Active") | (Some(_), "Terminating") => return Errors::new(),
            (None, _) => "may only be 'Active' if `deletionTimestamp` is empty",
            (Some(_), _) => "may only be 'Terminating' if `deletionTimestamp` is not empty",
        };
        vec![phase.invalid(words)]
    }

    fn selectable_field(&self, namespace: &Value, field: &str) -> Option<String> {
        (field == "status.phase").then(|| text(namespace, "/status/phase").to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Status", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, namespace: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(namespace),
            text(namespace, "/status/phase").into(),
            cells::age(namespace, now),
        ]
    }

    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        metadata::invalid(path, name, names::dns_label(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::{assert_row, created, updated, words};

    #[test]
    fn a_new_namespace() {
        let namespace =
            json!({"metadata": {"name": "shop", "creationTimestamp": "2026-01-01T00:00:00Z"}});
        let created = created(&Namespace, &namespace);
        assert_eq!(
            created["metadata"]["labels"],
            json!({"kubernetes.io/metadata.name": "shop"})
        );
        assert_eq!(created["spec"], json!({"finalizers": ["kubernetes"]}));
        assert_eq!(created["status"], json!({"phase": "Active"}));
        let row = [
            ("Name", json!("shop")),
            ("Status", json!("Active")),
            ("Age", json!("5m")),
        ];
        assert_row(&Namespace, &created, &row);
    }

    #[test]
    fn an_update_keeps_the_finalizers() {
        let old = json!({"metadata": {"name": "shop"}});
        let new = json!({"metadata": {"name": "shop"}, "spec": {"finalizers": []}});
        assert_eq!(
            updated(&Namespace, &old, &new)["spec"]["finalizers"],
            json!(["kubernetes"])
        );
    }

    #[test]
    fn the_phase_follows_the_deletion() {
        let namespace = json!({"metadata": {"name": "a"}, "status": {"phase": "Terminating"}});
        assert_eq!(
            words(&Namespace.validate_status(&namespace, &namespace)),
            [
                "status.phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"
            ]
        );
    }

    #[test]
    fn the_name_is_a_label() {
        let wrong = Namespace.validate_name("a.b", &Path::root("metadata").child("name"));
        assert_eq!(wrong.len(), 1);
    }
}
