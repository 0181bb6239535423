//! Patches of objects.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::StatusCode;
use skiff_api::{Decoded, PatchType, Sent, Status, apply_patch};

use super::{Call, apply};
use crate::admission::Part;
use crate::encode;
use crate::request::{
    check_kind, conform, content_type, decode, read_body, schema_of, unsupported,
};

const ACCEPTED: [&str; 4] = [
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    apply::CONTENT_TYPE,
];

/// Reads a patch, its form and its text; 415 for a form that is not served.
pub(super) async fn read(call: &Call, body: Body) -> Result<(PatchType, Decoded, Bytes), Status> {
    let patch_type = PatchType::of_content_type(content_type(&call.parts.headers))
        .ok_or_else(|| unsupported(&ACCEPTED))?;
    // The schema of a custom kind says nothing of strategies.
    if patch_type == PatchType::Strategic && call.descriptor.strategy.custom().is_some() {
        return Err(unsupported(&[ACCEPTED[0], ACCEPTED[1], ACCEPTED[3]]));
    }
    apply::check_not_forced(&call.info)?;
    let body = read_body(&call.parts, body).await?;
    let patch = decode("application/json", &body)?;
    Ok((patch_type, patch, body))
}

/// Patches a part of an object.
pub(super) async fn handle(call: Call, body: Body, part: Part) -> Result<Response, Status> {
    if apply::is_apply(&call) {
        return apply::handle(call, body, part).await;
    }
    let accept = call.accept()?;
    let writer = call.writer()?;
    let (patch_type, patch, body) = read(&call, body).await?;
    let sent = Sent {
        text: &body,
        duplicates: &patch.duplicates,
    };
    let schema = schema_of(&call.descriptor)?;
    let mut warnings = Vec::new();
    let (namespace, name) = (&call.target.namespace, &call.target.name);
    let written = call
        .writes()
        .modify(namespace, name, part, writer, |old| {
            let mut new = apply_patch(patch_type, old, &patch.value, &schema)?;
            check_kind(&call.descriptor, &mut new)?;
            warnings = conform(&call.descriptor, &mut new, sent, &call.info.query)?;
            warnings.extend(call.descriptor.strategy.warnings(&new));
            Ok(new)
        })
        .await?;
    let response = encode::object(StatusCode::OK, &accept, &call.descriptor, written.object)?;
    Ok(encode::warn(response, &warnings))
}
