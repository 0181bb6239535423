//! Filling in what the user left out.

use serde_json::{Map, Value};

/// Sets `map[key]` unless it is there; null and `""` count as left out, as they do to Go's decoder.
pub(crate) fn default_to(map: &mut Value, key: &str, value: impl Into<Value>) {
    let Value::Object(map) = map else { return };
    let left_out = map.get(key).is_none_or(|known| match known {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        _ => false,
    });
    if left_out {
        map.insert(key.to_owned(), value.into());
    }
}

/// Like [`default_to`], for numbers to which zero means left out.
pub(crate) fn default_nonzero(map: &mut Value, key: &str, value: i64) {
    let Value::Object(map) = map else { return };
    if map
        .get(key)
        .is_none_or(|known| known.is_null() || known.as_i64() == Some(0))
    {
        map.insert(key.to_owned(), value.into());
    }
}

/// The map at `map[key]`, made if it is left out; `None` if something else stands there.
pub(crate) fn ensure<'a>(map: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    let entry = map.as_object_mut()?.entry(key).or_insert(Value::Null);
    if entry.is_null() {
        *entry = Value::Object(Map::new());
    }
    entry.is_object().then_some(entry)
}

/// The map at `map[key]`, if there is one.
pub(crate) fn existing<'a>(map: &'a mut Value, key: &str) -> Option<&'a mut Value> {
    map.get_mut(key).filter(|value| value.is_object())
}

/// The items of the list `map[key]`.
pub(crate) fn each<'a>(
    map: &'a mut Value,
    key: &str,
) -> impl Iterator<Item = &'a mut Value> + use<'a> {
    let items = map.get_mut(key).and_then(Value::as_array_mut);
    items.into_iter().flatten()
}

/// Takes `map[key]` out.
pub(crate) fn remove(map: &mut Value, key: &str) -> Option<Value> {
    map.as_object_mut()?.remove(key)
}

/// Makes a single field and the first item of its plural one (`clusterIP`, `clusterIPs`; `podCIDR`, `podCIDRs`),
/// which say the same in two places: the plural is made from the single one, or the other way round.
pub(crate) fn pair(map: &mut Value, single: &str, plural: &str) {
    let text = map[single].as_str().filter(|text| !text.is_empty());
    let list = map[plural].as_array().filter(|list| !list.is_empty());
    match (text.map(str::to_owned), list.cloned()) {
        (Some(text), None) => default_list(map, plural, vec![text.into()]),
        (None, Some(list)) => default_to(map, single, list.into_iter().next()),
        _ => {}
    }
}

fn default_list(map: &mut Value, key: &str, items: Vec<Value>) {
    if let Value::Object(map) = map {
        map.insert(key.to_owned(), items.into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_and_empty_strings_are_left_out_and_the_rest_is_kept() {
        let mut object = json!({"null": null, "empty": "", "set": "mine", "zero": 0, "off": false});
        for key in ["null", "empty", "set", "zero", "off", "missing"] {
            default_to(&mut object, key, "default");
        }
        let defaulted = json!({
            "null": "default", "empty": "default", "set": "mine", "zero": 0, "off": false, "missing": "default",
        });
        assert_eq!(object, defaulted);
    }

    #[test]
    fn nothing_happens_to_what_is_no_map() {
        for mut value in [json!(null), json!(1), json!("x"), json!([])] {
            let before = value.clone();
            default_to(&mut value, "key", "default");
            default_nonzero(&mut value, "key", 1);
            pair(&mut value, "ip", "ips");
            assert!(ensure(&mut value, "key").is_none());
            assert_eq!(value, before);
        }
    }

    #[test]
    fn a_pair_is_completed_from_either_side() {
        for (given, completed) in [
            (json!({"ip": "a"}), json!({"ip": "a", "ips": ["a"]})),
            (
                json!({"ips": ["a", "b"]}),
                json!({"ip": "a", "ips": ["a", "b"]}),
            ),
            (json!({"ip": "", "ips": []}), json!({"ip": "", "ips": []})),
            (
                json!({"ip": "a", "ips": ["b"]}),
                json!({"ip": "a", "ips": ["b"]}),
            ),
        ] {
            let mut object = given;
            pair(&mut object, "ip", "ips");
            assert_eq!(object, completed);
        }
    }
}
