//! What a write leaves, from what stands and what is wanted: pure, the same for every kind.

mod deletion;
mod resize;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::admission::Part;
use crate::codec::timestamp;
pub(crate) use deletion::{Deletion, delete};

/// Metadata that an update cannot change, but takes over.
const KEPT_METADATA: [&str; 6] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
];

/// The metadata of an object, made if it is missing.
pub(crate) fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    match &mut object["metadata"] {
        Value::Object(metadata) => metadata,
        _ => unreachable!("it was made just above"),
    }
}

/// Gives a new object what only the server gives.
pub(crate) fn stamp_new(object: &mut Value, uid: String, now: Timestamp, has_generation: bool) {
    let metadata = metadata(object);
    for field in KEPT_METADATA {
        metadata.remove(field);
    }
    metadata.remove("selfLink");
    metadata.remove("managedFields");
    drop_empty(metadata);
    metadata.insert("uid".into(), uid.into());
    metadata.insert("creationTimestamp".into(), timestamp(now).into());
    if has_generation {
        metadata.insert("generation".into(), 1.into());
    }
}

/// Labels, owners and the like of which there are none are left out, as Go leaves them out.
fn drop_empty(metadata: &mut Map<String, Value>) {
    metadata.retain(|_, value| match value {
        Value::Array(items) => !items.is_empty(),
        Value::Object(entries) => !entries.is_empty(),
        value => !value.is_null(),
    });
}

/// The object that an update leaves: `new` where the part allows it, `old` elsewhere.
pub(crate) fn merge(old: &Value, new: Value, part: Part, status_apart: bool) -> Value {
    match part {
        Part::Main => merge_main(old, new, status_apart),
        Part::Status => merge_status(old, &new),
        Part::Approval => {
            let mut approved = new;
            let conditions = approved["status"]["conditions"].take();
            approved["status"] = old["status"].clone();
            approved["status"]["conditions"] = conditions;
            merge_status(old, &approved)
        }
        Part::Finalizers => {
            let mut merged = old.clone();
            merged["spec"]["finalizers"] = new["spec"]["finalizers"].clone();
            merged
        }
        Part::EphemeralContainers => {
            let mut merged = old.clone();
            merged["spec"]["ephemeralContainers"] = new["spec"]["ephemeralContainers"].clone();
            merged
        }
        Part::Resize => resize::merge(old, &new),
        Part::Binding => new,
    }
}

fn merge_main(old: &Value, mut new: Value, status_apart: bool) -> Value {
    let into = metadata(&mut new);
    for field in KEPT_METADATA {
        match old["metadata"].get(field) {
            Some(value) => into.insert(field.into(), value.clone()),
            None => into.remove(field),
        };
    }
    into.remove("selfLink");
    into.remove("managedFields");
    drop_empty(into);
    if let (true, Value::Object(new)) = (status_apart, &mut new) {
        match old.get("status") {
            Some(status) => new.insert("status".into(), status.clone()),
            None => new.remove("status"),
        };
    }
    new
}

fn merge_status(old: &Value, new: &Value) -> Value {
    let mut merged = old.clone();
    merged["status"] = new["status"].clone();
    if merged["status"].is_null() {
        merged["status"] = json!({});
    }
    for field in ["annotations", "finalizers"] {
        let into = metadata(&mut merged);
        match new["metadata"].get(field) {
            Some(value) => into.insert(field.into(), value.clone()),
            None => into.remove(field),
        };
    }
    merged
}

/// Takes the next generation if anything changed that the user wants, rather than reports.
pub(crate) fn bump_generation(old: &Value, new: &mut Value) {
    let Some(generation) = old["metadata"]["generation"].as_i64() else {
        return;
    };
    let wanted = |object: &Value| -> Map<String, Value> {
        let fields = object.as_object().into_iter().flatten();
        fields
            .filter(|(key, _)| !matches!(key.as_str(), "metadata" | "status"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect()
    };
    if wanted(old) != wanted(new) {
        metadata(new).insert("generation".into(), (generation + 1).into());
    }
}

/// Whether an update takes the last thing away that kept a deleted object.
pub(crate) fn is_finished(new: &Value) -> bool {
    let metadata = &new["metadata"];
    let none = |list: &Value| list.as_array().is_none_or(Vec::is_empty);
    metadata["deletionTimestamp"].is_string()
        && metadata["deletionGracePeriodSeconds"].as_i64().unwrap_or(0) == 0
        && none(&metadata["finalizers"])
        && (new["kind"] != "Namespace" || none(&new["spec"]["finalizers"]))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(super) fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "uid": "u", "generation": 3, "creationTimestamp": "t", "resourceVersion": "5"},
            "spec": {"replicas": 1},
            "status": {"replicas": 1},
        })
    }

    #[test]
    fn an_update_of_the_main_part_leaves_status_and_identity() {
        let old = deployment();
        let wanted = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "labels": {"x": "y"}, "generation": 99},
            "spec": {"replicas": 2},
            "status": {"replicas": 9},
        });
        let mut merged = merge(&old, wanted, Part::Main, true);
        bump_generation(&old, &mut merged);
        let mut expected = old.clone();
        expected["metadata"]["labels"] = json!({"x": "y"});
        expected["metadata"]["generation"] = json!(4);
        expected["spec"]["replicas"] = json!(2);
        assert_eq!(merged, expected);
    }

    #[test]
    fn an_update_of_the_status_leaves_the_rest() {
        let old = deployment();
        let wanted = json!({
            "metadata": {"name": "a", "labels": {"x": "y"}, "annotations": {"n": "1"}},
            "spec": {"replicas": 2},
            "status": {"replicas": 2},
        });
        let mut merged = merge(&old, wanted, Part::Status, true);
        bump_generation(&old, &mut merged);
        let mut expected = old.clone();
        expected["metadata"]["annotations"] = json!({"n": "1"});
        expected["status"]["replicas"] = json!(2);
        assert_eq!(merged, expected);
    }
}
