//! Items that must not stand twice.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use crate::custom::shape::List;
use crate::field::{Error, Errors, Path};

/// What an item is known by in its list; nothing in an atomic one.
pub(in crate::custom) fn identity(list: &List, item: &Value) -> Option<String> {
    match list {
        List::Atomic => None,
        List::Set => Some(item.to_string()),
        List::Map(keys) => Some(keys_of(keys, item).to_string()),
    }
}

fn keys_of(keys: &[Box<str>], item: &Value) -> Value {
    let present = keys.iter().filter_map(|key| {
        let value = item.get(key.as_ref())?;
        Some((key.to_string(), value.clone()))
    });
    Value::Object(present.collect::<Map<_, _>>())
}

/// Tells the items of a set or a map that stand twice.
pub(super) fn unique(list: &List, path: &str, items: &[Value], errors: &mut Errors) {
    let mut seen = HashSet::new();
    for (index, item) in items.iter().enumerate() {
        let Some(identity) = identity(list, item) else {
            return;
        };
        if seen.insert(identity) {
            continue;
        }
        let value = match list {
            List::Map(keys) => keys_of(keys, item),
            List::Set | List::Atomic => json!(item),
        };
        let path = Path::root(path).index(index);
        errors.push(Error::duplicate(&path, value));
    }
}
