//! JSON merge patch (RFC 7386).

use serde_json::Value;

use crate::Status;

pub(super) fn apply(object: &Value, patch: &Value) -> Result<Value, Status> {
    if !patch.is_object() {
        return Err(Status::bad_request(
            "error decoding patch: a merge patch must be a JSON object",
        ));
    }
    let mut patched = object.clone();
    json_patch::merge(&mut patched, patch);
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn objects_merge_lists_are_replaced_null_deletes() {
        let object = json!({ "a": { "x": 1, "y": 2 }, "list": [1, 2] });
        let patch = json!({ "a": { "x": null, "z": 3 }, "list": [3] });
        assert_eq!(
            apply(&object, &patch),
            Ok(json!({ "a": { "y": 2, "z": 3 }, "list": [3] }))
        );
    }

    #[test]
    fn a_patch_must_be_an_object() {
        assert_eq!(apply(&json!({}), &json!([])).unwrap_err().code(), 400);
    }
}
