//! Documents of other servers in the one of this server (OpenAPI v2): pure.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::references::{self, V2};

/// What a document says of a version of a group: its paths, and the types that they use. Nothing else of it is wanted.
pub(crate) fn part(document: &Value, group: &str, version: &str) -> Value {
    let root = format!("/apis/{group}/{version}");
    let is_below = |path: &str| {
        let rest = path.strip_prefix(&root);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let paths = entries(document, "paths").filter(|(path, _)| is_below(path));
    let paths: BTreeMap<&String, &Value> = paths.collect();
    let (mut named, mut used) = (Vec::new(), BTreeSet::new());
    for item in paths.values() {
        references::named(item, V2, &mut named);
    }
    let definitions = &document["definitions"];
    references::reach(named, |name| definitions.get(name), V2, &mut used);
    let used: BTreeMap<&str, &Value> = used
        .into_iter()
        .map(|name| (name, &definitions[name]))
        .collect();
    json!({"paths": paths, "definitions": used})
}

/// Adds such a part to a document. A type that has the name of another one gets a new name.
pub(super) fn add(document: &mut Value, mut part: Value) {
    let mut names = BTreeMap::new();
    for (name, schema) in entries(&part, "definitions") {
        let free = free_name(&document["definitions"], name, schema);
        if free != *name {
            names.insert(name.clone(), free);
        }
    }
    if !names.is_empty() {
        rename(&mut part, &names);
    }
    for (name, schema) in taken(&mut part, "definitions") {
        let name = names.remove(&name).unwrap_or(name);
        document["definitions"][name] = schema;
    }
    for (path, item) in taken(&mut part, "paths") {
        document["paths"][path] = item;
    }
}

/// The name itself, unless it is that of another type: then with the first number that is free.
fn free_name(definitions: &Value, name: &str, schema: &Value) -> String {
    let is_free = |name: &str| definitions.get(name).is_none_or(|known| known == schema);
    let numbered = (2u32..).map(|number| format!("{name}_v{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| is_free(name)).unwrap_or_default()
}

fn rename(part: &mut Value, names: &BTreeMap<String, String>) {
    match part {
        Value::Object(fields) => {
            if let Some(Value::String(reference)) = fields.get_mut("$ref")
                && let Some(new) = reference.strip_prefix(V2).and_then(|name| names.get(name))
            {
                *reference = format!("{V2}{new}");
            }
            fields.values_mut().for_each(|value| rename(value, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, names)),
        _ => {}
    }
}

fn entries<'a>(document: &'a Value, field: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    document[field].as_object().into_iter().flatten()
}

fn taken(document: &mut Value, field: &str) -> Map<String, Value> {
    match document[field].take() {
        Value::Object(entries) => entries,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(name: &str) -> Value {
        json!({"$ref": format!("{V2}{name}")})
    }

    #[test]
    fn a_part_is_what_its_paths_use() {
        let document = json!({
            "swagger": "2.0",
            "paths": {
                "/apis/": {"get": reference("Groups")},
                "/apis/a.example/v1/things": {"get": {"schema": reference("Thing")}},
                "/apis/a.example/v10/things": {"get": {"schema": reference("Newer")}},
            },
            "definitions": {
                "Groups": {}, "Newer": {}, "Thing": {"properties": {"of": reference("Part")}},
                "Part": {"items": [reference("Thing"), reference("Nothing")]},
            },
        });
        let part = part(&document, "a.example", "v1");
        let paths: Vec<&String> = entries(&part, "paths").map(|(path, _)| path).collect();
        assert_eq!(paths, ["/apis/a.example/v1/things"]);
        let types: Vec<&String> = entries(&part, "definitions").map(|it| it.0).collect();
        assert_eq!(types, ["Part", "Thing"]);
        let nothing = json!({"paths": {}, "definitions": {}});
        for odd in [
            json!(null),
            json!([1]),
            json!({"paths": 1, "definitions": []}),
        ] {
            assert_eq!(super::part(&odd, "a.example", "v1"), nothing);
        }
    }

    #[test]
    fn types_of_the_same_name_stay_apart() {
        let mut document = json!({
            "paths": {"/api/v1": {}},
            "definitions": {"Meta": {"type": "object"}, "Time": {"type": "string"}},
        });
        let part = |meta: &str| {
            json!({
                "paths": {format!("/apis/{meta}/v1"): {"get": reference("Meta")}},
                "definitions": {
                    "Meta": {"description": meta, "properties": {"at": reference("Time")}},
                    "Time": {"type": "string"},
                },
            })
        };
        for meta in ["a", "b", "a"] {
            add(&mut document, part(meta));
        }
        let types: Vec<&String> = entries(&document, "definitions").map(|it| it.0).collect();
        assert_eq!(types, ["Meta", "Meta_v2", "Meta_v3", "Time"]);
        assert_eq!(document["definitions"]["Meta"], json!({"type": "object"}));
        assert_eq!(document["definitions"]["Meta_v3"]["description"], "b");
        assert_eq!(document["paths"]["/apis/a/v1"]["get"], reference("Meta_v2"));
        assert_eq!(document["paths"]["/apis/b/v1"]["get"], reference("Meta_v3"));
        assert_eq!(document["paths"]["/api/v1"], json!({}));
    }
}
