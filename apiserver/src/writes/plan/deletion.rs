//! What a delete does: nothing, a mark, or the end.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use skiff_api::custom;
use skiff_api::metadata::{FOREGROUND, ORPHAN};

use super::{is_finished, metadata};
use crate::codec::timestamp;
use crate::request::{DeleteOptions, Propagation};

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
    if !marked && new["kind"] == "CustomResourceDefinition" {
        await_cleanup(&mut new, now);
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

/// A definition stays until its resources are gone.
fn await_cleanup(definition: &mut Value, now: Timestamp) {
    let finalizer = Value::from(custom::CLEANUP_FINALIZER);
    match metadata(definition).get_mut("finalizers") {
        Some(Value::Array(finalizers)) if finalizers.contains(&finalizer) => {}
        Some(Value::Array(finalizers)) => finalizers.push(finalizer),
        _ => drop(
            metadata(definition).insert("finalizers".into(), [finalizer].into_iter().collect()),
        ),
    }
    let condition = (
        "True",
        "InstanceDeletionPending",
        "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"
            .into(),
    );
    let status = &mut definition["status"];
    custom::set_condition(status, "Terminating", condition, &timestamp(now));
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
    use super::super::tests::deployment;
    use super::super::{Part, merge};
    use super::*;
    use serde_json::json;

    fn pod(node: &str) -> Value {
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "a"},
            "spec": {"nodeName": node, "terminationGracePeriodSeconds": 30},
        })
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
