//! What can be wrong with a body, in the words of Kubernetes' protobuf serializer where it has some.

use crate::Status;

#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"
    )]
    NoPrefix,
    #[error("Object 'Kind' is missing in the envelope of the protobuf message")]
    NoKind,
    #[error("no kind {kind:?} is registered for version {api_version:?}")]
    UnknownKind { api_version: String, kind: String },
    #[error("unexpected EOF")]
    UnexpectedEnd,
    #[error("proto: integer overflow")]
    Overflow,
    #[error("proto: illegal tag {tag} (wire type {wire_type})")]
    IllegalTag { tag: u64, wire_type: u8 },
    #[error("proto: illegal wireType {0}")]
    IllegalWireType(u8),
    #[error("proto: wrong wireType = {wire_type} for field {field}")]
    WrongWireType { wire_type: u8, field: &'static str },
    #[error("proto: field {0} contains invalid UTF-8")]
    NotText(&'static str),
    #[error("proto: a time of {seconds} s and {nanos} ns since 1970 is out of range")]
    Time { seconds: i64, nanos: i32 },
    /// The JSON inside a RawExtension or FieldsV1.
    #[error(transparent)]
    Json(Status),
    #[error("exceeded max depth")]
    TooDeep,
}
