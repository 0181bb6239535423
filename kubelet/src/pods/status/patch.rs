use k8s_openapi::api::core::v1::PodStatus;
use serde_json::{Map, Value, json};

/// The strategic merge patch that makes `old` into `new`, for the Pod of that uid.
///
/// Conditions merge by type, so that those which others write at the same time stay; fields that are gone are null.
pub(crate) fn patch(uid: &str, old: &PodStatus, new: &PodStatus) -> Value {
    let (old, new) = (fields(old), fields(new));
    let mut status = Map::new();
    for (name, value) in &new {
        if old.get(name) == Some(value) {
            continue;
        }
        let value = match name.as_str() {
            "conditions" => changed_conditions(old.get(name), value),
            // Lists with a merge key that are replaced as a whole.
            "podIPs" | "hostIPs" => replaced(value),
            _ => value.clone(),
        };
        status.insert(name.clone(), value);
    }
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        status.insert(name.clone(), Value::Null);
    }
    json!({ "metadata": { "uid": uid }, "status": status })
}

fn fields(status: &PodStatus) -> Map<String, Value> {
    match serde_json::to_value(status) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

fn changed_conditions(old: Option<&Value>, new: &Value) -> Value {
    let old = old
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default();
    let new = new.as_array().map(Vec::as_slice).unwrap_or_default();
    let changed = new.iter().filter(|condition| !old.contains(condition));
    let changed = changed.map(|condition| {
        let mut condition = condition.clone();
        if let Value::Object(fields) = &mut condition {
            for gone in ["reason", "message"] {
                fields.entry(gone).or_insert(Value::Null);
            }
        }
        condition
    });
    let is_there = |known: &&Value| new.iter().any(|one| one["type"] == known["type"]);
    let gone = old.iter().filter(|known| !is_there(known));
    let gone = gone.map(|known| json!({ "$patch": "delete", "type": known["type"] }));
    changed.chain(gone).collect()
}

fn replaced(list: &Value) -> Value {
    let mut items = list.as_array().cloned().unwrap_or_default();
    items.push(json!({ "$patch": "replace" }));
    Value::Array(items)
}
