//! What k8s-openapi's schemas leave out: how lists and maps merge, from the API's published OpenAPI.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// A line a fact: type, field (`.` for the type itself), patch strategy, merge key, list type, list map keys, map type.
static FACTS: &str = include_str!("facts.tsv");

/// One line of the table, `-` left out.
struct Fact {
    field: &'static str,
    extensions: Map<String, Value>,
}

/// The facts by type.
pub(super) struct Facts(HashMap<&'static str, Vec<Fact>>);

impl Facts {
    /// Reads the table.
    pub(super) fn read() -> Self {
        let mut facts: HashMap<&str, Vec<Fact>> = HashMap::new();
        for line in FACTS.lines().filter(|line| !line.starts_with('#')) {
            if let Some((type_name, fact)) = read_line(line) {
                facts.entry(type_name).or_default().push(fact);
            }
        }
        Self(facts)
    }

    /// Writes the facts of a type into its OpenAPI definition, as `x-kubernetes-*`.
    pub(super) fn apply(&self, type_name: &str, definition: &mut Value) {
        for fact in self.0.get(type_name).into_iter().flatten() {
            let target = match fact.field {
                "." => Some(&mut *definition),
                field => definition["properties"].get_mut(field),
            };
            if let Some(target) = target.and_then(Value::as_object_mut) {
                target.extend(fact.extensions.clone());
            }
        }
    }
}

fn read_line(line: &'static str) -> Option<(&'static str, Fact)> {
    let mut columns = line.split('\t');
    let (type_name, field) = (columns.next()?, columns.next()?);
    let extensions = [
        ("x-kubernetes-patch-strategy", false),
        ("x-kubernetes-patch-merge-key", false),
        ("x-kubernetes-list-type", false),
        ("x-kubernetes-list-map-keys", true),
        ("x-kubernetes-map-type", false),
    ];
    let extensions = extensions
        .into_iter()
        .zip(columns)
        .filter(|(_, text)| *text != "-")
        .map(|((extension, is_list), text)| {
            let value = if is_list {
                text.split(',').map(Value::from).collect()
            } else {
                Value::from(text)
            };
            (extension.to_owned(), value)
        })
        .collect();
    Some((type_name, Fact { field, extensions }))
}
