//! The elements of paths: a field by its name, an item of a list by its keys, its value or its place.

use serde_json::{Map, Value};

/// A field, or a key of a map.
pub(super) fn field(name: &str) -> String {
    ["f:", name].concat()
}

/// The name in the element of a field.
pub(super) fn field_name(element: &str) -> Option<&str> {
    element.strip_prefix("f:")
}

/// An item that is known by its value.
pub(super) fn of_value(item: &Value) -> String {
    format!("v:{item}")
}

/// An item that is known by these of its fields.
pub(super) fn of_keys(keys: Map<String, Value>) -> String {
    format!("k:{}", Value::Object(keys))
}

/// An element that somebody wrote, in its one form; `None` if it is none.
pub(super) fn canonical(element: &str) -> Option<String> {
    let (form, rest) = element.split_once(':')?;
    match form {
        "f" => Some(element.to_owned()),
        "i" => rest.parse::<usize>().is_ok().then(|| element.to_owned()),
        "v" => serde_json::from_str::<Value>(rest)
            .ok()
            .map(|value| of_value(&value)),
        "k" => serde_json::from_str::<Map<String, Value>>(rest)
            .ok()
            .map(of_keys),
        _ => None,
    }
}

/// An element as conflicts show it: `.replicas`, `[name="web"]`, `[="a"]`, `[0]`.
pub(super) fn in_words(element: &str) -> String {
    let (form, rest) = element.split_once(':').unwrap_or_default();
    match form {
        "f" => format!(".{rest}"),
        "v" => format!("[={rest}]"),
        "k" => {
            let keys: Map<String, Value> = serde_json::from_str(rest).unwrap_or_default();
            let keys: Vec<String> = keys
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            format!("[{}]", keys.join(","))
        }
        _ => format!("[{rest}]"),
    }
}
