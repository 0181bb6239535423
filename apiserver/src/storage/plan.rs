//! What a write leaves, from what stands and what is wanted: pure, the same for every kind.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

use super::codec::timestamp;
use crate::request::{DeleteOptions, Propagation};

/// Keeps the object until its dependents have been let go.
const ORPHAN: &str = "orphan";
/// Keeps the object until its dependents are gone.
const FOREGROUND: &str = "foregroundDeletion";

/// Metadata that an update cannot change, but takes over.
const KEPT_METADATA: [&str; 6] = [
    "uid",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "generation",
    "resourceVersion",
];

/// Which part of an object an update writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// All but the status, if that is written apart.
    Main,
    /// The status, and the annotations and finalizers of those who report it.
    Status,
    /// The finalizers in the spec of a namespace.
    Finalizers,
    /// Where a Pod runs: it is not the user's to change, and comes with a status condition.
    Binding,
}

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
    metadata.insert("uid".into(), uid.into());
    metadata.insert("creationTimestamp".into(), timestamp(now).into());
    if has_generation {
        metadata.insert("generation".into(), 1.into());
    }
}

/// The object that an update leaves: `new` where the part allows it, `old` elsewhere.
pub(crate) fn merge(old: &Value, new: Value, part: Part, status_apart: bool) -> Value {
    match part {
        Part::Main => merge_main(old, new, status_apart),
        Part::Status => merge_status(old, &new),
        Part::Finalizers => {
            let mut merged = old.clone();
            merged["spec"]["finalizers"] = new["spec"]["finalizers"].clone();
            merged
        }
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

/// What a delete does to an object.
#[derive(Debug, PartialEq)]
pub(crate) enum Deletion {
    /// It goes at once.
    Now,
    /// It is marked, and goes when its grace and its finalizers are over.
    Mark(Value),
    /// It is marked already.
    Unchanged,
}

/// Plans a delete.
pub(crate) fn delete(old: &Value, options: &DeleteOptions, now: Timestamp) -> Deletion {
    let grace = grace_seconds(old, options);
    let mut new = old.clone();
    propagate(&mut new, options.propagation);
    let into = metadata(&mut new);
    let marked = into.get("deletionTimestamp").is_some_and(Value::is_string);
    let earlier = into
        .get("deletionGracePeriodSeconds")
        .and_then(Value::as_i64)
        .unwrap_or(0);
    if !marked || grace < earlier {
        let end = now.saturating_add(SignedDuration::from_secs(grace));
        let end = end.unwrap_or(Timestamp::MAX);
        into.insert("deletionTimestamp".into(), timestamp(end).into());
        into.insert("deletionGracePeriodSeconds".into(), grace.into());
        if let Some(generation) = into.get("generation").and_then(Value::as_i64) {
            into.insert("generation".into(), (generation + 1).into());
        }
    }
    if new["kind"] == "Namespace" {
        new["status"]["phase"] = "Terminating".into();
    }
    if is_finished(&new) {
        Deletion::Now
    } else if new == *old {
        Deletion::Unchanged
    } else {
        Deletion::Mark(new)
    }
}

/// How long the object may take to stop. Only Pods take time, and only those that a kubelet runs.
fn grace_seconds(old: &Value, options: &DeleteOptions) -> i64 {
    let is_pod = old["kind"] == "Pod" && old["apiVersion"] == "v1";
    let bound = old["spec"]["nodeName"]
        .as_str()
        .is_some_and(|node| !node.is_empty());
    let ended = matches!(
        old["status"]["phase"].as_str(),
        Some("Succeeded" | "Failed")
    );
    if !is_pod || !bound || ended {
        return 0;
    }
    let grace = options
        .grace_period_seconds
        .or_else(|| old["spec"]["terminationGracePeriodSeconds"].as_i64())
        .unwrap_or(30)
        .max(0);
    match old["metadata"]["deletionGracePeriodSeconds"].as_i64() {
        Some(earlier) => grace.min(earlier),
        None => grace,
    }
}

/// Sets the finalizers of the garbage collector.
fn propagate(object: &mut Value, propagation: Option<Propagation>) {
    let Some(propagation) = propagation else {
        return;
    };
    let into = metadata(object);
    let mut finalizers = match into.remove("finalizers") {
        Some(Value::Array(finalizers)) => finalizers,
        _ => Vec::new(),
    };
    finalizers.retain(|finalizer| finalizer != ORPHAN && finalizer != FOREGROUND);
    match propagation {
        Propagation::Orphan => finalizers.push(ORPHAN.into()),
        Propagation::Foreground => finalizers.push(FOREGROUND.into()),
        Propagation::Background => {}
    }
    if !finalizers.is_empty() {
        into.insert("finalizers".into(), finalizers.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deployment() -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "a", "uid": "u", "generation": 3, "creationTimestamp": "t", "resourceVersion": "5"},
            "spec": {"replicas": 1},
            "status": {"replicas": 1},
        })
    }

    fn pod(node: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a"},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": 30},
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

    #[test]
    fn a_pod_on_a_node_is_given_time_and_others_go_at_once() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let options = DeleteOptions::default();
        let at_once = DeleteOptions {
            grace_period_seconds: Some(0),
            ..DeleteOptions::default()
        };
        assert_eq!(delete(&pod(""), &options, now), Deletion::Now);
        assert_eq!(delete(&pod("n1"), &at_once, now), Deletion::Now);
        assert_eq!(delete(&deployment(), &options, now), Deletion::Now);

        let mut ended = pod("n1");
        ended["status"]["phase"] = json!("Succeeded");
        assert_eq!(delete(&ended, &options, now), Deletion::Now);

        let Deletion::Mark(marked) = delete(&pod("n1"), &options, now) else {
            panic!("a running Pod is marked first");
        };
        let metadata = &marked["metadata"];
        assert_eq!(metadata["deletionTimestamp"], "2026-01-01T00:00:30Z");
        assert_eq!(metadata["deletionGracePeriodSeconds"], 30);
        assert_eq!(delete(&marked, &options, now), Deletion::Unchanged);
        assert_eq!(delete(&marked, &at_once, now), Deletion::Now);
    }

    #[test]
    fn finalizers_keep_a_deleted_object() {
        let now = Timestamp::UNIX_EPOCH;
        for (policy, finalizer) in [
            (Propagation::Orphan, ORPHAN),
            (Propagation::Foreground, FOREGROUND),
        ] {
            let options = DeleteOptions {
                propagation: Some(policy),
                ..DeleteOptions::default()
            };
            let Deletion::Mark(marked) = delete(&deployment(), &options, now) else {
                panic!("{finalizer} keeps it");
            };
            assert_eq!(marked["metadata"]["finalizers"], json!([finalizer]));
            assert_eq!(marked["metadata"]["generation"], 4);
            assert!(!is_finished(&marked));
        }
        let mut kept = deployment();
        kept["metadata"]["finalizers"] = json!(["a/b"]);
        let Deletion::Mark(mut marked) = delete(&kept, &DeleteOptions::default(), now) else {
            panic!("a finalizer keeps it");
        };
        marked["metadata"]["finalizers"] = json!([]);
        assert!(is_finished(&marked));
    }

    #[test]
    fn a_namespace_goes_when_its_content_is_gone() {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace",
            "metadata": {"name": "a"},
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        });
        let options = DeleteOptions::default();
        let Deletion::Mark(marked) = delete(&namespace, &options, Timestamp::UNIX_EPOCH) else {
            panic!("its finalizer keeps it");
        };
        assert_eq!(marked["status"]["phase"], "Terminating");
        let emptied = merge(&marked, json!({"spec": {}}), Part::Finalizers, true);
        assert!(is_finished(&emptied));
    }
}
