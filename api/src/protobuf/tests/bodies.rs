//! Bodies and the JSON that they mean. Field numbers are those of the API's generated.proto files.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use super::writer::Message;
use crate::decode_protobuf;

/// Nulls mean nothing; protobuf has none.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name, without_nulls(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[test]
fn what_kubectl_sends_is_what_it_prints() {
    let lines = include_str!("../captured.tsv").lines();
    let mut count = 0;
    for line in lines.filter(|line| !line.starts_with('#')) {
        let columns: Vec<&str> = line.split('\t').collect();
        let [name, body, printed] = columns[..] else {
            panic!("{line}");
        };
        let decoded = decode_protobuf(&BASE64.decode(body).unwrap()).unwrap();
        let printed = serde_json::from_str(printed).unwrap();
        assert_eq!(decoded, without_nulls(printed), "{name}");
        count += 1;
    }
    assert_eq!(count, 11);
}

/// A Pod spec with zeros in pointers and in plain fields.
fn pod_spec() -> Message {
    let empty = Message::new;
    let exec = empty().bytes(1, "true");
    let handler = empty().message(1, exec);
    let probe = empty().message(1, handler).int(2, 0).int(3, 5).int(7, 0);
    let key = empty()
        .message(1, empty().bytes(1, "settings"))
        .bytes(2, "mode")
        .int(3, 0);
    let variable = empty()
        .bytes(1, "MODE")
        .bytes(2, "")
        .message(3, empty().message(3, key));
    let requests = empty().entry(2, "cpu", empty().bytes(1, "250m"));
    let security = empty().int(2, 0).int(4, 0);
    let container = empty()
        .bytes(1, "main")
        .bytes(2, "busybox")
        .bytes(3, "sh")
        .bytes(3, "")
        .bytes(5, "")
        .message(
            6,
            empty().bytes(1, "").int(2, 0).int(3, 8080).bytes(4, "TCP"),
        )
        .message(7, variable)
        .message(8, requests)
        .message(10, probe)
        .message(15, security);
    let temporary = empty().message(2, empty().bytes(1, ""));
    let volume = empty().bytes(1, "tmp").message(2, temporary);
    empty()
        .message(1, volume)
        .message(2, container)
        .bytes(3, "Always")
        .int(4, 0)
        .entry(7, "disk", "")
        .bytes(8, "")
        .int(11, 0)
        .message(14, empty().int(2, 0).int(4, 1000).int(4, 2000))
        .int(21, 0)
        .int(30, 0)
}

#[test]
fn zeros_are_kept_where_they_mean_something() {
    let metadata = Message::new()
        .bytes(1, "web")
        .bytes(3, "")
        .int(7, 0)
        .message(8, Message::new())
        .message(9, Message::new().int(1, 1_700_000_000).int(2, 0))
        .int(10, 0)
        .entry(11, "app", "web")
        .entry(11, "empty", "");
    let pod = Message::new().message(1, metadata).message(2, pod_spec());
    let expected = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "web",
            "deletionTimestamp": "2023-11-14T22:13:20Z",
            "deletionGracePeriodSeconds": 0,
            "labels": { "app": "web", "empty": "" },
        },
        "spec": {
            "volumes": [{ "name": "tmp", "emptyDir": {} }],
            "containers": [{
                "name": "main",
                "image": "busybox",
                "command": ["sh", ""],
                "ports": [{ "containerPort": 8080, "protocol": "TCP" }],
                "env": [{
                    "name": "MODE",
                    "valueFrom": { "configMapKeyRef": { "name": "settings", "key": "mode", "optional": false } },
                }],
                "resources": { "requests": { "cpu": "250m" } },
                "livenessProbe": {
                    "exec": { "command": ["true"] },
                    "timeoutSeconds": 5,
                    "terminationGracePeriodSeconds": 0,
                },
                "securityContext": { "privileged": false, "runAsUser": 0 },
            }],
            "restartPolicy": "Always",
            "terminationGracePeriodSeconds": 0,
            "nodeSelector": { "disk": "" },
            "securityContext": { "runAsUser": 0, "supplementalGroups": [1000, 2000] },
            "automountServiceAccountToken": false,
            "enableServiceLinks": false,
        },
    });
    let decoded = decode_protobuf(&pod.sealed("v1", "Pod")).unwrap();
    assert_eq!(decoded, expected);
}

#[test]
fn messages_that_json_has_as_one_value() {
    let time = |seconds: i64, nanos: u64| Message::new().int(1, seconds as u64).int(2, nanos);
    let lease = Message::new().message(
        2,
        Message::new()
            .bytes(1, "node-a")
            .int(2, 40)
            .message(4, time(1_700_000_000, 123_456_789)),
    );
    let revision = Message::new()
        .message(2, Message::new().bytes(1, br#"{"spec":{"a":[1]}}"#))
        .int(3, 0);
    let user = Message::new().bytes(1, "jane").entry(
        4,
        "scopes",
        Message::new().bytes(1, "a").bytes(1, "b"),
    );
    let review = Message::new().message(3, Message::new().message(2, user));
    let ports = Message::new()
        .message(
            1,
            Message::new()
                .int(3, 80)
                .message(4, int_or_string(0, 8080, ""))
                .int(5, 0),
        )
        .message(
            1,
            Message::new()
                .int(3, 81)
                .message(4, int_or_string(1, 0, "http")),
        );
    let service = Message::new().message(2, ports);
    let cases = [
        (
            lease.sealed("coordination.k8s.io/v1", "Lease"),
            "/spec",
            json!({ "holderIdentity": "node-a", "leaseDurationSeconds": 40, "renewTime": "2023-11-14T22:13:20.123456Z" }),
        ),
        (
            revision.sealed("apps/v1", "ControllerRevision"),
            "",
            json!({ "apiVersion": "apps/v1", "kind": "ControllerRevision", "data": { "spec": { "a": [1] } }, "revision": 0 }),
        ),
        (
            review.sealed("authentication.k8s.io/v1", "TokenReview"),
            "/status",
            json!({ "user": { "username": "jane", "extra": { "scopes": ["a", "b"] } } }),
        ),
        (
            service.sealed("v1", "Service"),
            "/spec/ports",
            json!([{ "port": 80, "targetPort": 8080 }, { "port": 81, "targetPort": "http" }]),
        ),
        (
            Message::new()
                .entry(2, "key", [0xff, 0])
                .sealed("v1", "Secret"),
            "/data",
            json!({ "key": "/wA=" }),
        ),
    ];
    for (body, pointer, expected) in cases {
        let decoded = decode_protobuf(&body).unwrap();
        assert_eq!(decoded.pointer(pointer), Some(&expected));
    }
}

fn int_or_string(is_text: u64, integer: u64, text: &str) -> Message {
    Message::new()
        .int(1, is_text)
        .int(2, integer)
        .bytes(3, text)
}

/// Go writes none of these, other languages may (<https://protobuf.dev/programming-guides/encoding/>).
#[test]
fn other_ways_to_write_the_same() {
    let packed = Message::new().bytes(4, [1, 0x80, 1]);
    let empty_value = Message::new().message(7, Message::new().bytes(1, "disk"));
    let pod = Message::new()
        .message(2, Message::new().message(14, packed).bytes(3, "Never"))
        .message(2, empty_value.bytes(3, "Always").bytes(10, "a"))
        .message(2, Message::new().bytes(10, ""));
    let decoded = decode_protobuf(&pod.sealed("v1", "Pod")).unwrap();
    let expected = json!({
        "restartPolicy": "Always",
        "nodeSelector": { "disk": "" },
        "securityContext": { "supplementalGroups": [1, 128] },
    });
    assert_eq!(decoded["spec"], expected);
}

#[test]
fn what_is_sent_beside_the_kinds() {
    let options = Message::new()
        .int(1, 0)
        .message(2, Message::new().bytes(1, "uid-1"))
        .bytes(4, "Foreground")
        .bytes(5, "All");
    for version in ["v1", "apps/v1", "meta.k8s.io/v1"] {
        let decoded = decode_protobuf(&options.clone().sealed(version, "DeleteOptions")).unwrap();
        let expected = json!({
            "apiVersion": version,
            "kind": "DeleteOptions",
            "gracePeriodSeconds": 0,
            "preconditions": { "uid": "uid-1" },
            "propagationPolicy": "Foreground",
            "dryRun": ["All"],
        });
        assert_eq!(decoded, expected);
    }
    let scale = Message::new().message(2, Message::new().int(1, 3));
    let decoded = decode_protobuf(&scale.sealed("autoscaling/v1", "Scale")).unwrap();
    assert_eq!(decoded["spec"], json!({ "replicas": 3 }));
    let request = Message::new().message(2, Message::new().bytes(1, "api").int(4, 600));
    let decoded = decode_protobuf(&request.sealed("authentication.k8s.io/v1", "TokenRequest"));
    let spec = json!({ "audiences": ["api"], "expirationSeconds": 600 });
    assert_eq!(decoded.unwrap()["spec"], spec);
}
