//! Bodies in protobuf, which Go clients prefer for the types that they know: decoded to the same JSON values.
//!
//! ```text
//!   "k8s\0" + Unknown { apiVersion, kind, raw } ──► message(type, raw) ──► Value
//!                                                     ▲ fields.tsv: numbers, names and forms of all fields
//! ```

mod forms;
mod message;
mod scalars;

use prost::Message;
use serde_json::Value;
use skiff_api::Status;

/// What every such body starts with.
const MAGIC: &[u8] = b"k8s\0";
const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// The content type.
pub(super) const CONTENT_TYPE: &str = "application/vnd.kubernetes.protobuf";

/// Why a body is none.
#[derive(Debug, thiserror::Error)]
enum ProtobufError {
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    Magic,
    #[error("the protobuf data is malformed")]
    Malformed(#[source] prost::DecodeError),
    #[error("no kind {kind:?} is known for version {api_version:?}")]
    Kind { api_version: String, kind: String },
    #[error("the value of a field of type {form} cannot be read")]
    Field { form: String },
    #[error("the protobuf data is nested too deeply")]
    Deep,
}

/// The envelope (k8s.io/apimachinery/pkg/runtime Unknown).
#[derive(Message)]
struct Unknown {
    #[prost(message, optional, tag = "1")]
    type_meta: Option<TypeMeta>,
    #[prost(bytes = "vec", tag = "2")]
    raw: Vec<u8>,
}

#[derive(Message)]
struct TypeMeta {
    #[prost(string, tag = "1")]
    api_version: String,
    #[prost(string, tag = "2")]
    kind: String,
}

/// Decodes a body; 400 if it is none.
pub(super) fn decode(body: &[u8]) -> Result<Value, Status> {
    read(body).map_err(|error| {
        let source = std::error::Error::source(&error);
        let source = source
            .map(|source| format!(": {source}"))
            .unwrap_or_default();
        Status::bad_request(format!("{error}{source}"))
    })
}

fn read(body: &[u8]) -> Result<Value, ProtobufError> {
    let envelope = body.strip_prefix(MAGIC).ok_or(ProtobufError::Magic)?;
    let envelope = Unknown::decode(envelope).map_err(ProtobufError::Malformed)?;
    let TypeMeta { api_version, kind } = envelope.type_meta.unwrap_or_default();
    let type_name = type_name(&api_version, &kind);
    let Some(mut fields) = message::decode(&type_name, &envelope.raw)? else {
        return Err(ProtobufError::Kind { api_version, kind });
    };
    fields.insert("apiVersion".into(), api_version.into());
    fields.insert("kind".into(), kind.into());
    Ok(Value::Object(fields))
}

/// `Deployment` of `apps/v1` is `io.k8s.api.apps.v1.Deployment`.
fn type_name(api_version: &str, kind: &str) -> String {
    if kind == "DeleteOptions" {
        return format!("{META}.{kind}");
    }
    let (group, version) = api_version.split_once('/').unwrap_or(("core", api_version));
    let group = group.split('.').next().unwrap_or_default();
    format!("io.k8s.api.{group}.{version}.{kind}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
        let mut field = vec![number << 3 | 2, bytes.len() as u8];
        field.extend_from_slice(bytes);
        field
    }

    fn body(api_version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let type_meta = [field(1, api_version.as_bytes()), field(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), field(1, &type_meta), field(2, raw)].concat()
    }

    #[test]
    fn what_kubectl_sends_becomes_json() {
        // `kubectl create serviceaccount default`, as kubectl 1.33 sends it.
        let sent = [
            0x6b, 0x38, 0x73, 0x00, 0x0a, 0x14, 0x0a, 0x02, 0x76, 0x31, 0x12, 0x0e, 0x53, 0x65,
            0x72, 0x76, 0x69, 0x63, 0x65, 0x41, 0x63, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0x12, 0x19,
            0x0a, 0x17, 0x0a, 0x07, 0x64, 0x65, 0x66, 0x61, 0x75, 0x6c, 0x74, 0x12, 0x00, 0x1a,
            0x00, 0x22, 0x00, 0x2a, 0x00, 0x32, 0x00, 0x38, 0x00, 0x42, 0x00, 0x1a, 0x00, 0x22,
            0x00,
        ];
        let expected = json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"},
        });
        assert_eq!(decode(&sent).unwrap(), expected);
    }

    #[test]
    fn a_zero_that_was_meant_stays() {
        let raw = [0x08, 0x00];
        let expected = json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "gracePeriodSeconds": 0,
        });
        assert_eq!(
            decode(&body("v1", "DeleteOptions", &raw)).unwrap(),
            expected
        );
    }

    #[test]
    fn maps_times_quantities_and_numbers_have_their_json_forms() {
        let label = [field(1, b"app"), field(2, b"web")].concat();
        let mut time = vec![0x08];
        prost::encoding::encode_varint(1_767_225_600, &mut time);
        let metadata = [field(1, b"p"), field(8, &time), field(11, &label)].concat();
        let port = [
            field(1, b"http"),
            vec![0x18, 0x00],
            field(4, &[0x08, 0x00, 0x10, 0x50]),
        ]
        .concat();
        let service = [field(1, &metadata), field(2, &field(1, &port))].concat();
        let decoded = decode(&body("v1", "Service", &service)).unwrap();
        assert_eq!(decoded["metadata"]["labels"]["app"], "web");
        assert_eq!(
            decoded["metadata"]["creationTimestamp"],
            "2026-01-01T00:00:00Z"
        );
        assert_eq!(decoded["spec"]["ports"][0]["targetPort"], 80);

        let requests = [field(1, b"storage"), field(2, &field(1, b"1Gi"))].concat();
        let spec = field(2, &field(2, &requests));
        let claim = field(2, &spec);
        let decoded = decode(&body("v1", "PersistentVolumeClaim", &claim)).unwrap();
        assert_eq!(decoded["spec"]["resources"]["requests"]["storage"], "1Gi");

        let secret = [field(1, b"key"), field(2, &[0xff, 0x00])].concat();
        let decoded = decode(&body("v1", "Secret", &field(2, &secret))).unwrap();
        assert_eq!(decoded["data"]["key"], "/wA=");
    }

    #[test]
    fn bad_bytes_are_a_bad_request() {
        let deep = (0..200).fold(Vec::new(), |inner: Vec<u8>, _| {
            let mut outer = vec![0x0a];
            prost::encoding::encode_varint(inner.len() as u64, &mut outer);
            [outer, inner].concat()
        });
        let cases: [Vec<u8>; 5] = [
            b"{}".to_vec(),
            b"k8s\0\xff\xff".to_vec(),
            body("v1", "Nonsense", b""),
            body("v1", "Pod", &[0x0a, 0x05, 0x01]),
            body("v1", "ConfigMap", &field(1, b"\x0a\x02\xff\xff")),
        ];
        for bytes in cases {
            assert_eq!(decode(&bytes).unwrap_err().code(), 400, "{bytes:?}");
        }
        assert!(message::decode(&format!("{META}.LabelSelector"), &deep).is_err());
    }
}
