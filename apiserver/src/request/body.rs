//! Bodies: read within a bound, decoded from JSON, YAML or protobuf, held against the kind that the path says.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use serde_json::Value;
use skiff_api::{
    Decoded, Descriptor, FieldValidation, Reason, Schema, Sent, Status, decode_json,
    decode_protobuf,
};

use super::bodies::collect;
use super::{Query, late};

/// What Go's typed clients send.
const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";
/// As much of a malformed body as an error shows.
const SHOWN: usize = 30;

/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// Reads the body of a request; 413 if it is too large, 429 if there is no room for it, 504 if it does not come.
pub(crate) async fn read_body(parts: &Parts, body: Body) -> Result<Bytes, Status> {
    let read = collect(body, parts.extensions.get());
    let read = tokio::time::timeout(PATIENCE, read).await;
    read.unwrap_or_else(|_| Err(late()))
}

/// The content type without its parameters; empty if there is none.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default()
        .trim()
}

/// Decodes a body by its content type, JSON if it has none; 415 for a type that is not served.
pub(crate) fn decode(content_type: &str, body: &[u8]) -> Result<Decoded, Status> {
    match content_type {
        "" | "application/json" | "*/*" => decode_json(body),
        "application/yaml" | "application/x-yaml" => {
            let value = serde_norway::from_slice(body)
                .map_err(|error| Status::bad_request(format!("yaml parse error: {error}")))?;
            Ok(Decoded {
                value,
                duplicates: Vec::new(),
            })
        }
        PROTOBUF => Ok(Decoded {
            value: decode_protobuf(body)?,
            duplicates: Vec::new(),
        }),
        _ => Err(unsupported(&[
            "application/json",
            "application/yaml",
            PROTOBUF,
        ])),
    }
}

/// 415, naming what would have been read.
pub(crate) fn unsupported(accepted: &[&str]) -> Status {
    Status::new(
        Reason::UnsupportedMediaType,
        format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        ),
    )
}

/// Decodes an object of a kind; also answers with warnings for the user.
pub(crate) fn decode_object(
    descriptor: &Descriptor,
    headers: &HeaderMap,
    body: &[u8],
    query: &Query,
) -> Result<(Value, Vec<String>), Status> {
    let decoded = decode(content_type(headers), body).map_err(|status| match status.reason {
        Reason::BadRequest => unrecognised(descriptor, &status, body),
        _ => status,
    })?;
    let mut object = decoded.value;
    check_kind(descriptor, &mut object)?;
    let sent = Sent {
        text: body,
        duplicates: &decoded.duplicates,
    };
    let warnings = conform(descriptor, &mut object, sent, query)?;
    Ok((object, warnings))
}

/// Holds an object against the schema of its kind and brings it into its stored form; answers with warnings.
pub(crate) fn conform(
    descriptor: &Descriptor,
    object: &mut Value,
    sent: Sent<'_>,
    query: &Query,
) -> Result<Vec<String>, Status> {
    descriptor.conform(object, sent, field_validation(query)?)
}

/// What the client wants done about fields that are unknown or stand twice.
pub(crate) fn field_validation(query: &Query) -> Result<FieldValidation, Status> {
    let wanted = query.get("fieldValidation").unwrap_or_default();
    FieldValidation::parse(wanted).ok_or_else(|| {
        Status::bad_request(format!(
            "fieldValidation: Unsupported value: {wanted:?}: supported values: \"\", \"Ignore\", \"Strict\", \"Warn\""
        ))
    })
}

/// Decodes what is sent beside the kinds, such as a Binding, and holds it against the schema of its type.
pub(crate) fn decode_as(
    type_name: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Value, Status> {
    let mut value = decode(content_type(headers), body)?.value;
    conform_as(type_name, &mut value)?;
    Ok(value)
}

/// Holds a value against the schema of its type; unknown fields are dropped.
pub(crate) fn conform_as(type_name: &str, value: &mut Value) -> Result<(), Status> {
    let schema = schema_named(type_name)?;
    schema.conform(value, Sent::default(), FieldValidation::Ignore)?;
    Ok(())
}

/// The schema of a kind.
pub(crate) fn schema_of(descriptor: &Descriptor) -> Result<Schema, Status> {
    let none = || Status::internal(format!("no schema of {}", descriptor.type_name));
    descriptor.schema().ok_or_else(none)
}

/// The schema of a type, such as `io.k8s.api.core.v1.Pod`.
pub(crate) fn schema_named(type_name: &str) -> Result<Schema, Status> {
    Schema::of(type_name).ok_or_else(|| Status::internal(format!("no schema of {type_name}")))
}

/// What the body says of its kind must be what the path says; what it leaves out is filled in.
pub(crate) fn check_kind(descriptor: &Descriptor, object: &mut Value) -> Result<(), Status> {
    let expected = descriptor.api_version();
    let Some(fields) = object.as_object_mut() else {
        let message = format!(
            "the object provided is unrecognized (must be of type {}): it is no JSON object",
            descriptor.kind
        );
        return Err(Status::bad_request(message));
    };
    let text = |fields: &serde_json::Map<String, Value>, key: &str| {
        let text = fields.get(key).and_then(Value::as_str);
        text.unwrap_or_default().to_owned()
    };
    let (api_version, kind) = (text(fields, "apiVersion"), text(fields, "kind"));
    let version = api_version.rsplit('/').next().unwrap_or_default();
    if !kind.is_empty() && kind != descriptor.kind {
        return Err(Status::bad_request(format!(
            "{kind} in version {version:?} cannot be handled as a {}: the kind is not that of the path",
            descriptor.kind
        )));
    }
    if !api_version.is_empty() && api_version != expected {
        return Err(Status::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({expected})"
        )));
    }
    fields.insert("apiVersion".into(), expected.into());
    fields.insert("kind".into(), descriptor.kind.as_ref().into());
    Ok(())
}

fn unrecognised(descriptor: &Descriptor, error: &Status, body: &[u8]) -> Status {
    let start = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]).into_owned();
    let dots = if body.len() > SHOWN { " ..." } else { "" };
    let shown = if body.is_empty() {
        "<empty>".to_owned()
    } else {
        start + dots
    };
    Status::bad_request(format!(
        "the object provided is unrecognized (must be of type {}): couldn't get version/kind; {error} ({shown})",
        descriptor.kind
    ))
}
