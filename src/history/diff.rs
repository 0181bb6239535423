//! What differs between two states of an object.

use std::collections::BTreeMap;

use serde_json::Value;

/// What every write changes, and nobody asks about.
const UNSPOKEN: [&str; 3] = ["resourceVersion", "managedFields", "generation"];

/// A line for each value that went (`- path: value`) or came (`+ path: value`), in the order of the paths.
pub(super) fn diff(before: &Value, after: &Value) -> Vec<String> {
    let (before, after) = (leaves(before), leaves(after));
    let mut lines: Vec<(&String, char, &String)> = Vec::new();
    lines.extend(differing(&before, &after).map(|(path, value)| (path, '-', value)));
    lines.extend(differing(&after, &before).map(|(path, value)| (path, '+', value)));
    // What went stands before what came in its place.
    lines.sort_by_key(|(path, sign, _)| (*path, *sign == '+'));
    lines
        .into_iter()
        .map(|(path, sign, value)| format!("{sign} {path}: {value}"))
        .collect()
}

/// What two objects have in common does not matter when one takes the other's place.
pub(super) fn is_same(one: &Value, other: &Value) -> bool {
    leaves(one) == leaves(other)
}

fn differing<'a>(
    these: &'a BTreeMap<String, String>,
    those: &'a BTreeMap<String, String>,
) -> impl Iterator<Item = (&'a String, &'a String)> {
    these
        .iter()
        .filter(|(path, value)| those.get(*path) != Some(value))
}

/// Every value at the end of a path.
fn leaves(object: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    collect(object, String::new(), &mut found);
    found
}

fn collect(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                if path != ".metadata" || !UNSPOKEN.contains(&name.as_str()) {
                    let step = match name.contains('.') {
                        true => format!("{path}[{name:?}]"),
                        false => format!("{path}.{name}"),
                    };
                    collect(value, step, found);
                }
            }
        }
        Value::Array(items) if !items.is_empty() => {
            let names = names_of(items);
            for (index, item) in items.iter().enumerate() {
                let step = match names.get(index) {
                    Some(name) => format!("{path}[{name}]"),
                    None => format!("{path}[{index}]"),
                };
                collect(item, step, found);
            }
        }
        _ => {
            found.insert(path, value.to_string());
        }
    }
}

/// The names of items that have one each, as containers and conditions do: they stay when items come between.
fn names_of(items: &[Value]) -> Vec<&str> {
    let of = |key: &str| -> Vec<&str> {
        let names = items.iter().filter_map(|item| item[key].as_str());
        names.collect()
    };
    let is_unique = |names: &Vec<&str>| {
        let mut sorted = names.clone();
        sorted.sort_unstable();
        sorted.dedup();
        sorted.len() == items.len()
    };
    let candidates = ["name", "type"].map(of);
    candidates.into_iter().find(is_unique).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_went_and_what_came() {
        let before = json!({
            "metadata": {"resourceVersion": "1", "generation": 1, "annotations": {"a.b/c": "x"}},
            "spec": {
                "replicas": 1, "paused": true,
                "containers": [{"name": "a", "image": "nginx:1.19"}, {"name": "b"}],
                "args": ["x"],
            },
        });
        let after = json!({
            "metadata": {"resourceVersion": "2", "generation": 2, "annotations": {"a.b/c": "y"}},
            "spec": {
                "replicas": 3,
                "containers": [{"name": "new"}, {"name": "a", "image": "nginx:1.20"}, {"name": "b"}],
                "args": ["x", "y"],
            },
        });
        assert_eq!(
            diff(&before, &after),
            [
                "- .metadata.annotations[\"a.b/c\"]: \"x\"",
                "+ .metadata.annotations[\"a.b/c\"]: \"y\"",
                "+ .spec.args[1]: \"y\"",
                "- .spec.containers[a].image: \"nginx:1.19\"",
                "+ .spec.containers[a].image: \"nginx:1.20\"",
                "+ .spec.containers[new].name: \"new\"",
                "- .spec.paused: true",
                "- .spec.replicas: 1",
                "+ .spec.replicas: 3",
            ]
        );
        assert!(is_same(&before, &before) && !is_same(&before, &after));
    }
}
