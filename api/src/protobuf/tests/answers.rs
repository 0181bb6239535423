//! Answers: what is written reads as it was, and has the bytes that Go expects.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::writer::Message;
use crate::{decode_protobuf, encode_protobuf, encode_protobuf_event, has_protobuf};

#[test]
fn what_is_written_reads_as_it_was() {
    let lines = include_str!("../captured.tsv").lines();
    let captured = lines.filter(|line| !line.starts_with('#')).map(|line| {
        let body = line.split('\t').nth(1).unwrap();
        decode_protobuf(&BASE64.decode(body).unwrap()).unwrap()
    });
    let others = [
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": "web", "generation": 3, "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"a": "", "b": "c"},
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": true}],
                "managedFields": [{"manager": "m", "fieldsV1": {"f:spec": {}}}],
            },
            "spec": {
                "automountServiceAccountToken": false,
                "containers": [{
                    "name": "c", "image": "i", "command": ["sh", ""],
                    "resources": {"limits": {"cpu": "500m"}},
                    "livenessProbe": {"httpGet": {"port": "http", "scheme": "HTTP"}, "periodSeconds": 10},
                    "env": [{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "m", "key": "k"}}}],
                }],
                "securityContext": {"runAsUser": 0, "supplementalGroups": [1, 2]},
                "tolerations": [{"operator": "Exists", "tolerationSeconds": -1}],
                "volumes": [{"name": "v", "emptyDir": {}}],
            },
            "status": {"phase": "Running", "startTime": "2026-01-01T00:00:01Z"},
        }),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {}, "data": {"a": "AAEC"}, "type": "Opaque"}),
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {},
            "spec": {"renewTime": "2026-01-01T00:00:00.000250Z", "leaseTransitions": 0},
        }),
        json!({
            "apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {},
            "spec": {"minAvailable": "50%", "maxUnavailable": 1},
            "status": {"disruptedPods": {"p": "2026-01-01T00:00:00Z"}},
        }),
        json!({
            "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {"name": "a", "uid": "u"},
        }),
        json!({
            "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "boats.example.com"},
            "spec": {
                "group": "example.com", "scope": "Namespaced", "names": {"plural": "boats", "kind": "Boat"},
                "versions": [{"name": "v1", "served": true, "storage": false, "schema": {"openAPIV3Schema": {
                    "type": "object", "properties": {
                        "crew": {"type": "array", "items": {"type": "string", "default": "", "enum": ["a", ""]}},
                        "length": {"type": "number", "minimum": 0, "maximum": 99.5, "multipleOf": 0.25},
                        "sails": {"type": "object", "additionalProperties": {"type": "integer", "minimum": -3}},
                        "rest": {"type": "object", "additionalProperties": false, "x-kubernetes-preserve-unknown-fields": false},
                        "any": {"additionalProperties": true, "anyOf": [{"not": {"maxLength": 0}}]},
                    },
                    "x-kubernetes-validations": [{"rule": "self.length > 0", "optionalOldSelf": false}],
                }}}],
            },
        }),
        json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "message": "gone",
            "reason": "Expired", "details": {"causes": [{"field": "spec", "message": "wrong"}]}, "code": 410,
        }),
    ];
    for object in captured.chain(others) {
        let encoded = encode_protobuf(&object).unwrap();
        assert_eq!(decode_protobuf(&encoded).unwrap(), object);
    }
}

#[test]
fn what_protobuf_does_not_know_is_left_out() {
    let object = json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {"name": "a", "creationTimestamp": null, "colour": "red"}, "data": null,
    });
    let known = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
    let encoded = encode_protobuf(&object).unwrap();
    assert_eq!(decode_protobuf(&encoded).unwrap(), known);
    let boat = json!({"apiVersion": "example.com/v1", "kind": "Boat"});
    assert_eq!(encode_protobuf(&boat), None);
    assert_eq!(encode_protobuf(&Value::Null), None);
    assert!(!has_protobuf("example.com/v1", "Boat"));
    assert!(has_protobuf("resource.k8s.io/v1", "ResourceSlice"));
}

#[test]
fn lists_and_events_have_the_bytes_that_go_reads() {
    let item = |name: &str| Message::new().message(1, Message::new().bytes(1, name));
    let expected = Message::new()
        .message(1, Message::new().bytes(2, "7"))
        .message(2, item("a"))
        .message(2, item("b"))
        .sealed("v1", "ConfigMapList");
    let list = json!({
        "apiVersion": "v1", "kind": "ConfigMapList", "metadata": {"resourceVersion": "7"},
        "items": [{"metadata": {"name": "a"}}, {"kind": "ConfigMap", "metadata": {"name": "b"}}],
    });
    let encoded = encode_protobuf(&list).unwrap();
    // Go writes contentEncoding and contentType as well, both empty.
    assert_eq!(encoded, [&expected[..], &[0x1a, 0, 0x22, 0]].concat());

    let event = encode_protobuf_event("ADDED", b"xyz");
    let message = Message::new()
        .bytes(1, "ADDED")
        .message(2, Message::new().bytes(1, "xyz"));
    let message = message.as_ref();
    assert_eq!(event[..4], (message.len() as u32).to_be_bytes());
    assert_eq!(&event[4..], message);
}
