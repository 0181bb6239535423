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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_apply_in_order() {
        let patch = json!([
            { "op": "test", "path": "/spec/replicas", "value": 1 },
            { "op": "replace", "path": "/spec/replicas", "value": 2 },
            { "op": "add", "path": "/metadata/labels/a~1b", "value": "x" },
            { "op": "add", "path": "/list/-", "value": 2 },
            { "op": "remove", "path": "/spec/paused" },
        ]);
        let object = json!({ "metadata": { "labels": {} }, "spec": { "replicas": 1, "paused": true }, "list": [1] });
        let patched = json!({ "metadata": { "labels": { "a/b": "x" } }, "spec": { "replicas": 2 }, "list": [1, 2] });
        assert_eq!(apply(&object, &patch), Ok(patched));
    }

    #[test]
    fn bad_patches_are_refused() {
        let remove = json!({ "op": "remove", "path": "/spec/none" });
        let cases = [
            (json!({}), 400, "error decoding patch: "),
            (
                json!([{ "op": "explode", "path": "/a" }]),
                400,
                "error decoding patch: unknown variant `explode`",
            ),
            (
                json!([{ "op": "add", "path": "a", "value": 1 }]),
                400,
                "error decoding patch: ",
            ),
            (
                json!([remove]),
                422,
                "the server rejected our request due to an error in our request: \
                 operation '/0' failed at path '/spec/none': path is invalid",
            ),
            (
                json!([{ "op": "test", "path": "/a", "value": 2 }]),
                422,
                "the server rejected our request due to an error in our request: \
                 operation '/0' failed at path '/a': value did not match",
            ),
            (
                json!(vec![remove; OPERATIONS_MAX + 1]),
                413,
                "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001",
            ),
        ];
        for (patch, code, words) in cases {
            let refused = apply(&json!({ "a": 1, "spec": {} }), &patch).unwrap_err();
            assert_eq!(refused.code(), code);
            assert!(refused.message.starts_with(words), "{}", refused.message);
        }
    }
}
