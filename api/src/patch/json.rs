//! JSON patch (RFC 6902).

use std::{fmt, slice};

use json_patch::{Patch, PatchOperation, patch_unsafe};
use serde_json::Value;

use crate::{Reason, Status};

/// As the API server bounds it.
const OPERATIONS_MAX: usize = 10_000;

/// All that `copy` may add together: an object that copies itself into itself grows without end.
const COPIED_MAX_BYTES: usize = 3 * 1024 * 1024;

/// How deep an object may nest: what [`crate::decode_json`] reads again.
const DEPTH_MAX: usize = 127;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, Status> {
    let length = patch.as_array().map_or(0, Vec::len);
    if length > OPERATIONS_MAX {
        return Err(too_large(format!(
            "The allowed maximum operations in a JSON patch is {OPERATIONS_MAX}, got {length}"
        )));
    }
    let patch: Patch = serde_json::from_value(patch.clone())
        .map_err(|error| Status::bad_request(format!("error decoding patch: {error}")))?;
    let mut patched = object.clone();
    let mut copied_bytes = 0;
    for (index, operation) in patch.iter().enumerate() {
        let failed = |why: &dyn fmt::Display| {
            let words = "the server rejected our request due to an error in our request";
            let path = operation.path();
            let words = format!("{words}: operation {index} failed at path '{path}': {why}");
            Status::new(Reason::Invalid, words)
        };
        copied_bytes +=
            bound(&patched, operation).map_err(|TooDeep| failed(&"exceeded max depth"))?;
        if copied_bytes > COPIED_MAX_BYTES {
            return Err(too_large(format!(
                "Unable to complete the copy, the accumulated size increase of copy is {copied_bytes}, \
                 exceeding the limit {COPIED_MAX_BYTES}"
            )));
        }
        patch_unsafe(&mut patched, slice::from_ref(operation))
            .map_err(|error| failed(&error.kind))?;
    }
    Ok(patched)
}

struct TooDeep;

/// How many bytes an operation adds by copying, if the object does not become too deep by it.
fn bound(object: &Value, operation: &PatchOperation) -> Result<usize, TooDeep> {
    let placed = match operation {
        PatchOperation::Add(add) => Some(&add.value),
        PatchOperation::Replace(replace) => Some(&replace.value),
        PatchOperation::Copy(copy) => object.pointer(copy.from.as_str()),
        PatchOperation::Move(moved) => object.pointer(moved.from.as_str()),
        PatchOperation::Remove(_) | PatchOperation::Test(_) => None,
    };
    let Some(placed) = placed else {
        return Ok(0);
    };
    if operation.path().count() + depth(placed) > DEPTH_MAX {
        return Err(TooDeep);
    }
    let is_copy = matches!(operation, PatchOperation::Copy(_));
    Ok(if is_copy { placed.to_string().len() } else { 0 })
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or_default(),
        _ => 0,
    }
}

fn too_large(words: String) -> Status {
    Status::new(
        Reason::RequestEntityTooLarge,
        format!("Request entity too large: {words}"),
    )
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
                 operation 0 failed at path '/spec/none': path is invalid",
            ),
            (
                json!([{ "op": "test", "path": "/a", "value": 2 }]),
                422,
                "the server rejected our request due to an error in our request: \
                 operation 0 failed at path '/a': value did not match",
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

    #[test]
    fn a_patch_cannot_make_an_object_of_any_size() {
        let double = json!({ "op": "copy", "from": "/a", "path": "/a/-" });
        let refused = apply(&json!({ "a": [1] }), &json!(vec![double; 100])).unwrap_err();
        assert_eq!(refused.code(), 413, "{refused}");
    }

    #[test]
    fn a_patch_cannot_make_an_object_of_any_depth() {
        let nest = json!({ "op": "copy", "from": "", "path": "/a" });
        assert!(apply(&json!({}), &json!(vec![nest.clone(); DEPTH_MAX - 1])).is_ok());
        let refused = apply(&json!({}), &json!(vec![nest; DEPTH_MAX])).unwrap_err();
        assert_eq!(refused.code(), 422);
        assert!(
            refused
                .message
                .ends_with("operation 126 failed at path '/a': exceeded max depth"),
            "{refused}"
        );
    }
}
