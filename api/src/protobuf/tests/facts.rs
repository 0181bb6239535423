//! The table is whole, and agrees with the definitions of the API.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::super::special::Special;
use super::super::table::{Content, Field, Kind, Table};
use crate::{Descriptor, Registry, Verb, builtin, definitions};

/// A type's fields as JSON has them: with those of inlined types.
fn flat(table: &'static Table, type_name: &str) -> Vec<&'static Field> {
    let fields = table.fields(type_name).iter();
    fields
        .flat_map(|field| match field.content {
            Content::Inline(inlined) => flat(table, inlined),
            _ => vec![field],
        })
        .collect()
}

fn message_of(content: Content) -> Option<&'static str> {
    match content {
        Content::Inline(type_name) => Some(type_name),
        Content::One { kind, .. } | Content::List(kind) | Content::Map(kind) => match kind {
            Kind::Message(type_name) | Kind::OrBool(type_name) => Some(type_name),
            _ => None,
        },
    }
}

#[test]
fn every_line_is_read_and_every_type_is_there() {
    let table = Table::get();
    let names: Vec<&str> = table.type_names().collect();
    let count: usize = names.iter().map(|name| table.fields(name).len()).sum();
    let lines = include_str!("../fields.tsv").lines();
    assert_eq!(count, lines.filter(|line| line.starts_with('\t')).count());
    for name in &names {
        for field in table.fields(name) {
            if let Some(inner) = message_of(field.content) {
                assert!(names.contains(&inner), "{name}.{}: {inner}", field.name);
            }
        }
    }
}

/// So a name in JSON has one content, whatever a body holds.
#[test]
fn names_and_numbers_are_unique_in_a_type() {
    let table = Table::get();
    for name in table.type_names() {
        let count = table.fields(name).len();
        let numbers: BTreeMap<u32, ()> = table
            .fields(name)
            .iter()
            .map(|it| (it.number, ()))
            .collect();
        assert_eq!(numbers.len(), count, "{name}");
        let fields = flat(table, name);
        let names: BTreeMap<&str, ()> = fields.iter().map(|it| (it.name, ())).collect();
        assert_eq!(names.len(), fields.len(), "{name}");
    }
    for name in kinds().into_iter().flatten() {
        let fields = flat(table, name);
        let envelope = |field: &&&Field| matches!(field.name, "apiVersion" | "kind");
        assert_eq!(fields.iter().filter(envelope).count(), 0, "{name}");
    }
}

/// But the schemas of custom kinds: those are why decoding counts how deep it is.
#[test]
fn no_type_contains_itself() {
    fn visit(table: &Table, name: &'static str, above: &mut Vec<&'static str>) {
        if above.contains(&name) {
            assert!(name.contains(".JSONSchemaProps"), "{above:?} {name}");
            return;
        }
        above.push(name);
        for field in table.fields(name) {
            if let Some(inner) = message_of(field.content) {
                visit(table, inner, above);
            }
        }
        above.pop();
    }
    let table = Table::get();
    for name in table.type_names() {
        visit(table, name, &mut Vec::new());
    }
}

/// What is sent beside the kinds of the registry.
const KINDS: [(&str, &str); 10] = [
    ("apps/v1", "DeleteOptions"),
    ("autoscaling/v1", "Scale"),
    ("authentication.k8s.io/v1", "TokenRequest"),
    ("authentication.k8s.io/v1", "TokenReview"),
    ("authentication.k8s.io/v1", "SelfSubjectReview"),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
    ("authorization.k8s.io/v1", "SelfSubjectRulesReview"),
    ("authorization.k8s.io/v1", "SubjectAccessReview"),
    ("v1", "Binding"),
    ("policy/v1", "Eviction"),
];

/// The kinds that clients write in protobuf.
fn written(registry: &Registry) -> impl Iterator<Item = &Arc<Descriptor>> {
    let kinds = registry.iter();
    kinds.filter(|kind| kind.verbs.contains(&Verb::Create))
}

/// The types of the registry's kinds, and of what is sent beside them.
fn kinds() -> Vec<Option<&'static str>> {
    let table = Table::get();
    let registry = builtin();
    let registered = written(&registry).map(|kind| table.type_of(&kind.api_version(), &kind.kind));
    let beside = KINDS.map(|(api_version, kind)| table.type_of(api_version, kind));
    registered.chain(beside).collect()
}

#[test]
fn every_kind_has_its_type() {
    let registry = builtin();
    let names = written(&registry).map(|kind| Some(&*kind.type_name));
    let names: Vec<Option<&str>> = names.collect();
    let found = kinds();
    assert_eq!(found[..names.len()], names);
    assert!(found.iter().all(Option::is_some), "{found:?}");
}

#[test]
fn fields_are_those_of_the_definitions() {
    let table = Table::get();
    let definitions = definitions(|_| true);
    let mut checked = 0;
    for type_name in table.type_names() {
        // Of what may be one thing or another, the definitions tell nothing.
        let definition = definitions.get(type_name);
        let Some(definition) = definition.filter(|_| !type_name.ends_with("OrArray")) else {
            continue;
        };
        for field in flat(table, type_name) {
            let property = &definition["properties"][field.name];
            assert!(property.is_object(), "{type_name}.{}", field.name);
            let expected = shape(field.content);
            let found = shape_of(property, &definitions);
            assert_eq!(found, expected, "{type_name}.{}", field.name);
            checked += 1;
        }
    }
    assert!(checked > 1000, "{checked}");
}

fn shape(content: Content) -> String {
    match content {
        Content::Inline(type_name) => type_name.to_owned(),
        Content::One { kind, .. } => kind_shape(kind),
        Content::List(kind) => format!("[]{}", kind_shape(kind)),
        Content::Map(kind) => format!("map {}", kind_shape(kind)),
    }
}

fn kind_shape(kind: Kind) -> String {
    let word = match kind {
        Kind::String | Kind::Bytes | Kind::Special(Special::Time | Special::MicroTime) => "string",
        Kind::Special(Special::Quantity | Special::IntOrString) => "string",
        Kind::Bool => "boolean",
        Kind::Int32 | Kind::Int64 => "integer",
        Kind::Double => "number",
        Kind::OrBool(_) => {
            "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool"
        }
        Kind::Special(Special::Json) => "object",
        Kind::Special(Special::Strings) => "[]string",
        Kind::Message(type_name) => type_name,
    };
    word.to_owned()
}

/// The shape of a schema; types without properties count as what they are.
fn shape_of(schema: &Value, definitions: &BTreeMap<String, Value>) -> String {
    let reference = schema["$ref"]
        .as_str()
        .or_else(|| schema["allOf"][0]["$ref"].as_str());
    if let Some(name) = reference.and_then(|it| it.strip_prefix("#/definitions/")) {
        let special = [
            "Time",
            "MicroTime",
            "Quantity",
            "IntOrString",
            "RawExtension",
            "FieldsV1",
            "JSON",
        ];
        let last = name.rsplit('.').next().unwrap_or_default();
        return if special.contains(&last) {
            shape_of(&definitions[name], definitions)
        } else {
            name.to_owned()
        };
    }
    match schema["type"].as_str().unwrap_or("object") {
        "array" => format!("[]{}", shape_of(&schema["items"], definitions)),
        "object" if schema["additionalProperties"].is_object() => {
            format!(
                "map {}",
                shape_of(&schema["additionalProperties"], definitions)
            )
        }
        other => other.to_owned(),
    }
}
