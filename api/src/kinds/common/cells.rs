//! Cells of `kubectl get` (k8s.io/kubernetes/pkg/printers/internalversion).

use jiff::Timestamp;
use serde_json::Value;

use crate::{Column, duration};

/// What stands for a list or a name that is empty.
pub(crate) const NONE: &str = "<none>";

/// The column of names.
pub(crate) fn name_column() -> Column {
    let mut column = Column::new("Name", "string");
    column.format = "name".into();
    column
}

/// The column of ages.
pub(crate) fn age_column() -> Column {
    Column::new("Age", "string")
}

/// `metadata.name`.
pub(crate) fn name(object: &Value) -> Value {
    object["metadata"]["name"].clone()
}

/// How long ago the object was created.
pub(crate) fn age(object: &Value, now: Timestamp) -> Value {
    since(&object["metadata"]["creationTimestamp"], now).into()
}

/// How long ago a time was, `<unknown>` if it is none.
pub(crate) fn since(time: &Value, now: Timestamp) -> String {
    duration::age(time, now)
}

/// The string, or `<none>`.
pub(crate) fn or_none(text: &str) -> &str {
    or(text, NONE)
}

/// The string, or what stands for an empty one.
pub(crate) fn or<'a>(text: &'a str, empty: &'a str) -> &'a str {
    if text.is_empty() { empty } else { text }
}

/// The string at a JSON pointer, empty if there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let value = object.pointer(pointer);
    value.and_then(Value::as_str).unwrap_or_default()
}

/// The number at a JSON pointer, 0 if there is none.
pub(crate) fn number(object: &Value, pointer: &str) -> i64 {
    let value = object.pointer(pointer);
    value.and_then(Value::as_i64).unwrap_or_default()
}

/// The items of the list at a JSON pointer.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let value = object.pointer(pointer);
    value.and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// How many entries the map at a JSON pointer has.
pub(crate) fn entries(object: &Value, pointer: &str) -> usize {
    let value = object.pointer(pointer);
    value.and_then(Value::as_object).map_or(0, |map| map.len())
}

/// One string a item, joined by commas.
pub(crate) fn joined<'a>(items: &'a [Value], text: impl Fn(&'a Value) -> &'a str) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(",")
}

/// At most three of them, joined by commas, then `+ 2 more...`; `empty` stands for none.
pub(crate) fn first_three(all: &[String], empty: &str) -> String {
    const SHOWN: usize = 3;
    match all {
        [] => empty.to_owned(),
        _ if all.len() <= SHOWN => all.join(","),
        _ => format!("{} + {} more...", all[..SHOWN].join(","), all.len() - SHOWN),
    }
}

/// Labels as `a=b,c=d` in the order of their keys, or `<none>`.
pub(crate) fn labels(map: &Value) -> String {
    let mut pairs: Vec<String> = map
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    pairs.sort();
    or_none(&pairs.join(",")).to_owned()
}

/// The access modes of a volume, as `RWO,ROX`.
pub(crate) fn access_modes(modes: &[Value]) -> String {
    const SHORT: [(&str, &str); 4] = [
        ("ReadWriteOnce", "RWO"),
        ("ReadOnlyMany", "ROX"),
        ("ReadWriteMany", "RWX"),
        ("ReadWriteOncePod", "RWOP"),
    ];
    let has = |long: &str| modes.iter().any(|mode| mode == long);
    let shown = SHORT.iter().filter(|(long, _)| has(long));
    shown.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn labels_are_sorted() {
        assert_eq!(labels(&json!({"b": "2", "a": "1"})), "a=1,b=2");
        assert_eq!(labels(&json!({})), "<none>");
        assert_eq!(labels(&Value::Null), "<none>");
    }

    #[test]
    fn long_lists_are_cut() {
        let of = |count: usize| (0..count).map(|i| i.to_string()).collect::<Vec<_>>();
        assert_eq!(first_three(&of(0), "<unset>"), "<unset>");
        assert_eq!(first_three(&of(3), "<unset>"), "0,1,2");
        assert_eq!(first_three(&of(5), "<unset>"), "0,1,2 + 2 more...");
    }

    #[test]
    fn access_modes_are_short_and_unique() {
        let modes = [
            json!("ReadWriteMany"),
            json!("ReadWriteOnce"),
            json!("ReadWriteOnce"),
        ];
        assert_eq!(access_modes(&modes), "RWO,RWX");
    }
}
