//! Bytes that are no body, or a broken one.

use proptest::prelude::*;

use super::writer::Message;
use crate::decode_protobuf;

fn pod(message: Message) -> Vec<u8> {
    message.sealed("v1", "Pod")
}

/// Schemas contain schemas, but not without end.
#[test]
fn nesting_has_an_end() {
    let definition = |depth: usize| {
        let not = |inner, _| Message::new().message(28, inner);
        let schema = (0..depth).fold(Message::new(), not);
        let version = Message::new().message(4, Message::new().message(1, schema));
        let spec = Message::new().message(7, version);
        let definition = Message::new().message(2, spec);
        definition.sealed("apiextensions.k8s.io/v1", "CustomResourceDefinition")
    };
    assert!(decode_protobuf(&definition(100)).is_ok());
    let refused = decode_protobuf(&definition(2000)).unwrap_err();
    assert_eq!(refused.message, "exceeded max depth");
}

#[test]
fn what_is_wrong_is_said() {
    let no_kind = Message::new().sealed("v1", "");
    let deployment = |spec: Message| {
        Message::new()
            .message(2, spec)
            .sealed("apps/v1", "Deployment")
    };
    let data = Message::new().message(2, Message::new().bytes(1, "{"));
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    let nested = Message::new().message(2, Message::new().bytes(1, deep));
    let created = |seconds: i64| {
        let time = Message::new().int(1, seconds as u64).int(2, 0);
        pod(Message::new().message(1, Message::new().message(8, time)))
    };
    let cases: [(Vec<u8>, &str); 13] = [
        (
            b"{}".to_vec(),
            "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]",
        ),
        (
            no_kind,
            "Object 'Kind' is missing in the envelope of the protobuf message",
        ),
        (
            Message::new().sealed("apps/v1", "Pod"),
            "no kind \"Pod\" is registered for version \"apps/v1\"",
        ),
        (
            Message::new().sealed("v1", "PodSpec"),
            "no kind \"PodSpec\" is registered for version \"v1\"",
        ),
        (
            deployment(Message::new().bytes(1, "three")),
            "proto: wrong wireType = 2 for field replicas",
        ),
        (
            deployment(Message::new().int(3, 1)),
            "proto: wrong wireType = 0 for field template",
        ),
        (
            pod(Message::new().message(1, Message::new().bytes(1, b"\xff"))),
            "proto: field name contains invalid UTF-8",
        ),
        (
            data.sealed("apps/v1", "ControllerRevision"),
            "json parse error: EOF while parsing an object at line 1 column 1",
        ),
        (
            nested.sealed("apps/v1", "ControllerRevision"),
            "exceeded max depth",
        ),
        (
            created(i64::MAX),
            "proto: a time of 9223372036854775807 s and 0 ns since 1970 is out of range",
        ),
        (b"k8s\0\x0a\x05".to_vec(), "unexpected EOF"),
        (b"k8s\0\x03".to_vec(), "proto: illegal tag 0 (wire type 3)"),
        (b"k8s\0\x0c".to_vec(), "proto: illegal wireType 4"),
    ];
    for (body, words) in cases {
        let status = decode_protobuf(&body).unwrap_err();
        assert_eq!((status.code(), status.message.as_str()), (400, words));
    }
    let endless = [b"k8s\0".to_vec(), vec![0xff; 20]].concat();
    let status = decode_protobuf(&endless).unwrap_err();
    assert_eq!(status.message, "proto: integer overflow");
}

#[test]
fn unknown_fields_are_skipped() {
    let mut later = Message::new().int(900, 1).bytes(901, "x").as_ref().to_vec();
    later.extend([0x81, 0x40, 1, 2, 3, 4, 5, 6, 7, 8]); // field 1024, 8 bytes
    later.extend([0x8d, 0x40, 1, 2, 3, 4]); // field 1025, 4 bytes
    let metadata = Message::new().bytes(1, "web");
    let spec = Message::new().bytes(999, later);
    let body = Message::new().message(1, metadata).message(2, spec);
    let decoded = decode_protobuf(&pod(body.bytes(77, "x"))).unwrap();
    let expected = serde_json::json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": "web" }, "spec": {},
    });
    assert_eq!(decoded, expected);
}

/// As many as a body of 3 MiB holds: reading them takes no stack.
#[test]
fn many_unknown_fields_are_skipped() {
    let later = [0x8d, 0x40, 1, 2, 3, 4].repeat(500_000);
    let body = Message::new().bytes(2, later);
    let decoded = decode_protobuf(&pod(body)).unwrap();
    assert_eq!(decoded["spec"], serde_json::json!({}));
}

/// A message of the numbers that types have, nested at random.
fn any_message() -> impl Strategy<Value = Message> {
    let leaf = prop_oneof![
        (1..45_u64, any::<u64>()).prop_map(|(number, value)| Message::new().int(number, value)),
        (1..45_u64, "\\PC{0,4}").prop_map(|(number, text)| Message::new().bytes(number, text)),
        (1..45_u64, prop::collection::vec(any::<u8>(), 0..8))
            .prop_map(|(number, bytes)| Message::new().bytes(number, bytes)),
    ];
    leaf.prop_recursive(8, 64, 6, |inner| {
        (1..45_u64, prop::collection::vec(inner, 0..6)).prop_map(|(number, parts)| {
            let parts: Vec<u8> = parts
                .iter()
                .flat_map(|part| part.as_ref().to_vec())
                .collect();
            Message::new().bytes(number, parts)
        })
    })
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_protobuf(&[b"k8s\0", &bytes[..]].concat());
        let raw = Message::new().bytes(1, &bytes).bytes(2, &bytes).bytes(3, &bytes);
        let _ = decode_protobuf(&pod(raw));
    }

    #[test]
    fn what_is_read_can_be_stored(message in any_message(), kind in 0..4_usize) {
        let (version, kind) = [
            ("v1", "Pod"),
            ("v1", "PersistentVolume"),
            ("apps/v1", "StatefulSet"),
            ("apps/v1", "ControllerRevision"),
        ][kind];
        if let Ok(object) = decode_protobuf(&message.sealed(version, kind)) {
            let stored = serde_json::to_vec(&object).unwrap();
            prop_assert_eq!(serde_json::from_slice::<serde_json::Value>(&stored).unwrap(), object);
        }
    }
}
