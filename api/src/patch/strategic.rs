//! Strategic merge patch.

use serde_json::Value;

use crate::{Node, Status};

pub(super) fn apply(object: &Value, _patch: &Value, _node: Node<'_>) -> Result<Value, Status> {
    Ok(object.clone())
}
