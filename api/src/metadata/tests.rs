//! What is wrong with metadata, in words.

use serde_json::json;

use super::{validate, validate_update};
use crate::field::Errors;
use crate::{Plain, Scope};

fn words(errors: &Errors) -> Vec<String> {
    errors.iter().map(ToString::to_string).collect()
}

#[test]
fn new_metadata_is_judged() {
    let long = "x".repeat(64);
    let too_long =
        format!("metadata.labels: Invalid value: {long:?}: must be no more than 63 bytes");
    let owner = json!({ "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": true });
    let cases = [
        (json!({ "name": "a", "namespace": "default" }), vec![]),
        (
            json!({ "generateName": "a-", "name": "a-x", "namespace": "default" }),
            vec![],
        ),
        (
            json!({}),
            vec![
                "metadata.name: Required value: name or generateName is required",
                "metadata.namespace: Required value",
            ],
        ),
        (
            json!({ "name": "A_b", "namespace": "x" }),
            vec![
                "metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123 subdomain must consist of lower case \
                 alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character \
                 (e.g. 'example.com', regex used for validation is \
                 '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
            ],
        ),
        (
            json!({ "name": "a", "namespace": "x", "labels": { "k": long } }),
            vec![&*too_long],
        ),
        (
            json!({ "name": "a", "namespace": "x", "annotations": { "k": "x".repeat(256 * 1024) } }),
            vec!["metadata.annotations: Too long: may not be more than 262144 bytes"],
        ),
        (
            json!({ "name": "a", "namespace": "x", "ownerReferences": [{ "kind": "Pod" }] }),
            vec![
                "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty",
                "metadata.ownerReferences.name: Invalid value: \"\": name must not be empty",
                "metadata.ownerReferences.uid: Invalid value: \"\": uid must not be empty",
            ],
        ),
        (
            json!({ "name": "a", "namespace": "x", "ownerReferences": [owner] }),
            vec![],
        ),
        (
            json!({ "name": "a", "namespace": "x", "finalizers": ["mine", "example.com/mine", "orphan"] }),
            vec![
                "metadata.finalizers[0]: Invalid value: \"mine\": \
                 name is neither a standard finalizer name nor is it fully qualified",
            ],
        ),
    ];
    for (metadata, expected) in cases {
        let object = json!({ "metadata": metadata });
        assert_eq!(
            words(&validate(&object, Scope::Namespaced, &Plain)),
            expected,
            "{metadata}"
        );
    }
}

#[test]
fn an_object_of_the_cluster_has_no_namespace() {
    let object = json!({ "metadata": { "name": "a", "namespace": "x" } });
    let expected = ["metadata.namespace: Forbidden: not allowed on this type"];
    assert_eq!(words(&validate(&object, Scope::Cluster, &Plain)), expected);
}

#[test]
fn one_controller_at_most() {
    let owner = |name| json!({ "apiVersion": "v1", "kind": "Pod", "name": name, "uid": name, "controller": true });
    let object =
        json!({ "metadata": { "name": "a", "ownerReferences": [owner("x"), owner("y")] } });
    let errors = validate(&object, Scope::Cluster, &Plain);
    let expected = "Only one reference can have Controller set to true. Found \"true\" in references for x and y";
    assert_eq!(errors[0].detail, expected);
}

#[test]
fn a_step_keeps_what_is_immutable() {
    let old = json!({ "metadata": {
        "name": "a", "uid": "1", "generation": 2, "deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["x.y/a"],
    } });
    let cases = [
        (json!({}), vec![]),
        (json!({ "finalizers": [] }), vec![]),
        (
            json!({ "uid": "2" }),
            vec!["metadata.uid: Invalid value: \"2\": field is immutable"],
        ),
        (
            json!({ "generation": 1 }),
            vec!["metadata.generation: Invalid value: 1: must not be decremented"],
        ),
        (
            json!({ "finalizers": ["x.y/a", "x.y/b"] }),
            vec![
                "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, \
                 found new finalizers []string{\"x.y/b\"}",
            ],
        ),
    ];
    for (change, expected) in cases {
        let mut new = old.clone();
        for (key, value) in change.as_object().unwrap() {
            new["metadata"][key] = value.clone();
        }
        assert_eq!(words(&validate_update(&new, &old)), expected, "{change}");
    }
}
