//! The elements of paths: a field by its name, an item of a list by its keys, its value or its place.

use serde_json::{Map, Value};

use super::place::Place;

/// A field, or a key of a map.
pub(super) fn field(name: &str) -> String {
    ["f:", name].concat()
}

/// The name in the element of a field.
pub(super) fn field_name(element: &str) -> Option<&str> {
    element.strip_prefix("f:")
}

/// An item of a list whose items are known by their keys, or by their value if there are no keys.
///
/// A key that is left out has its default; `None` if none of them is there.
pub(super) fn item(items: Place<'_>, keys: &[Box<str>], item: &Value) -> Option<String> {
    if keys.is_empty() {
        return Some(format!("v:{item}"));
    }
    let value = |key: &str| {
        let given = item.get(key).filter(|value| !value.is_null());
        given.or_else(|| items.default_of(key)).cloned()
    };
    let known: Map<String, Value> = keys
        .iter()
        .filter_map(|key| Some((key.to_string(), value(key)?)))
        .collect();
    (!known.is_empty()).then(|| format!("k:{}", Value::Object(known)))
}

/// An element that somebody wrote, in its one form; `None` if it is none.
pub(super) fn canonical(element: &str) -> Option<String> {
    let (form, rest) = element.split_once(':')?;
    match form {
        "f" => Some(element.to_owned()),
        "i" => rest.parse::<usize>().is_ok().then(|| element.to_owned()),
        "v" => serde_json::from_str::<Value>(rest)
            .ok()
            .map(|value| format!("v:{value}")),
        "k" => serde_json::from_str::<Map<String, Value>>(rest)
            .ok()
            .map(|keys| format!("k:{}", Value::Object(keys))),
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
