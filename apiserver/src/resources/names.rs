//! The name and the namespace that an object says, held against those of its URL.

use serde_json::Value;
use skiff_api::{Status, metadata};

/// Takes over the name of the URL; 400 if the object says another one.
pub(super) fn check_name(object: &mut Value, name: &str) -> Result<(), Status> {
    let given = metadata::name(object);
    if given != name && !given.is_empty() {
        return Err(Status::bad_request(format!(
            "the name of the object ({given}) does not match the name on the URL ({name})"
        )));
    }
    if !object["metadata"].is_object() {
        object["metadata"] = Value::Object(serde_json::Map::new());
    }
    object["metadata"]["name"] = name.into();
    Ok(())
}

/// 400 with this message if the object says another namespace.
pub(super) fn check_namespace(
    object: &Value,
    namespace: &str,
    message: &str,
) -> Result<(), Status> {
    let given = metadata::namespace(object);
    if given.is_empty() || given == namespace {
        Ok(())
    } else {
        Err(Status::bad_request(message))
    }
}
