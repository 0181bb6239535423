//! What stands in annotations here and in fields in autoscaling/v2.

use serde_json::Value;

use crate::kinds::common::defaults::{ensure, existing, remove};

const PREFIX: &str = "autoscaling.alpha.kubernetes.io";

/// The whole name of an annotation.
pub(super) fn name(annotation: &str) -> String {
    format!("{PREFIX}/{annotation}")
}

/// Takes what an annotation says; what nobody can read stays where it is.
pub(super) fn told(object: &mut Value, annotation: &str) -> Value {
    let name = name(annotation);
    let read = object["metadata"]["annotations"][&name].as_str();
    let read = serde_json::from_str(read.unwrap_or_default());
    let Ok(value) = read else {
        return Value::Null;
    };
    annotate(object, annotation, None);
    value
}

/// Sets an annotation, or takes it away.
pub(super) fn annotate(object: &mut Value, annotation: &str, value: Option<&str>) {
    let Some(metadata) = ensure(object, "metadata") else {
        return;
    };
    let name = name(annotation);
    if let Some(value) = value {
        if let Some(annotations) = ensure(metadata, "annotations") {
            annotations[name] = value.into();
        }
        return;
    }
    let left = existing(metadata, "annotations").and_then(|annotations| {
        remove(annotations, &name);
        annotations.as_object().map(|left| left.len())
    });
    if left == Some(0) {
        remove(metadata, "annotations");
    }
}

/// Says something in an annotation, unless it is nothing.
pub(super) fn tell(object: &mut Value, annotation: &str, value: &Value) {
    if is_nothing(value) {
        return;
    }
    annotate(object, annotation, Some(&value.to_string()));
}

/// Whether there is nothing to say.
pub(super) fn is_nothing(value: &Value) -> bool {
    value.is_null() || value.as_array().is_some_and(Vec::is_empty)
}
