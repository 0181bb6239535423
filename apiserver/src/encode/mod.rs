//! The last step: answers in the form that the client wants.

mod accept;
mod failure;
mod form;
mod lines;
mod list;
mod partial;
mod watch;

pub(crate) use accept::{Accept, Encoding, Form, discovery_version, refuse_tables};
pub(crate) use failure::Failure;
pub(crate) use lines::SharedLines;
pub(crate) use list::Stitched;

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skiff_api::{Descriptor, Status};

use crate::storage::{Feed, Listing};

const WARNING: HeaderName = header::WARNING;

/// A JSON body.
pub(crate) fn json(code: StatusCode, value: &Value) -> Response {
    bytes(code, "application/json", value.to_string().into())
}

/// A body of a content type.
pub(crate) fn bytes(code: StatusCode, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("no-cache, private"),
    );
    response
}

/// The same for a client that may have it already: 304 then, told by a hash of it (`ETag`).
pub(crate) fn tagged(asked: &HeaderMap, content_type: &'static str, body: Bytes) -> Response {
    let hash = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(&body));
    let tag = format!("\"{hash}\"");
    let is_known = |known: &HeaderValue| known.as_bytes() == tag.as_bytes();
    let mut response = if asked.get(header::IF_NONE_MATCH).is_some_and(is_known) {
        bytes(StatusCode::NOT_MODIFIED, content_type, Bytes::new())
    } else {
        bytes(StatusCode::OK, content_type, body)
    };
    let headers = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("Accept"));
    if let Ok(tag) = HeaderValue::try_from(tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// One object.
pub(crate) fn object(
    code: StatusCode,
    accept: &Accept,
    descriptor: &Descriptor,
    object: Bytes,
) -> Result<Response, Status> {
    let body = form::object(accept, descriptor, object)?;
    Ok(bytes(code, accept.content_type(), body))
}

/// Many objects.
pub(crate) fn list(
    accept: &Accept,
    descriptor: &Descriptor,
    listing: Listing,
) -> Result<Response, Status> {
    let body = match accept.is_as_stored() {
        true => Body::new(Stitched::new(descriptor, listing)),
        false => form::list(accept, descriptor, &listing)?.into(),
    };
    let mut response = bytes(StatusCode::OK, accept.content_type(), Bytes::new());
    *response.body_mut() = body;
    Ok(response)
}

/// The events of a watch, one JSON text a line or one frame of protobuf each, for as long as it lasts.
pub(crate) fn watch(
    lines: Arc<SharedLines>,
    accept: Accept,
    descriptor: Arc<Descriptor>,
    feed: Feed,
    guard: impl Send + 'static,
) -> Response {
    let accept = accept.of_events();
    let content_type = match accept.encoding {
        Encoding::Protobuf => "application/vnd.kubernetes.protobuf;stream=watch",
        _ => "application/json",
    };
    let mut response = bytes(StatusCode::OK, content_type, Bytes::new());
    *response.body_mut() = watch::body(lines, accept, descriptor, feed, guard);
    response
}

/// `Status` of a request that was done and has no object to show.
pub(crate) fn success(descriptor: &Descriptor, name: &str, uid: &str) -> Response {
    let mut details = json!({"name": name, "kind": descriptor.plural});
    if !descriptor.group.is_empty() {
        details["group"] = descriptor.group.as_ref().into();
    }
    if !uid.is_empty() {
        details["uid"] = uid.into();
    }
    let mut status = successful();
    status["details"] = details;
    json(StatusCode::OK, &status)
}

/// What was done makes no object that could be shown (`binding`, `eviction`).
pub(crate) fn done() -> Response {
    let mut status = successful();
    status["code"] = StatusCode::CREATED.as_u16().into();
    json(StatusCode::CREATED, &status)
}

fn successful() -> Value {
    json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"})
}

/// Adds warnings for the user (RFC 7234's `Warning: 299`), which kubectl prints.
pub(crate) fn warn(mut response: Response, warnings: &[String]) -> Response {
    for warning in warnings {
        let quoted = warning.replace('\\', "\\\\").replace('"', "\\\"");
        let plain: String = quoted.chars().filter(|char| !char.is_control()).collect();
        if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{plain}\"")) {
            response.headers_mut().append(WARNING, value);
        }
    }
    response
}
