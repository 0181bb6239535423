//! JSON patch (RFC 6902).

use serde_json::Value;

use crate::{Reason, Status};

/// As the API server bounds it.
const OPERATIONS_MAX: usize = 10_000;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, Status> {
    let length = patch.as_array().map_or(0, Vec::len);
    if length > OPERATIONS_MAX {
        let words = format!(
            "Request entity too large: The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {length}"
        );
        return Err(Status::new(Reason::RequestEntityTooLarge, words));
    }
    let patch: json_patch::Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    json_patch::patch_unsafe(&mut patched, &patch).map_err(|error| {
        let words = "the server rejected our request due to an error in our request";
        Status::new(Reason::Invalid, format!("{words}: {error}"))
    })?;
    Ok(patched)
}
