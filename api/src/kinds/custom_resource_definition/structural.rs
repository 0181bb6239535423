//! Whether a schema is structural: each value has its type, said once and outside of alternatives
//! (k8s.io/apiextensions-apiserver/pkg/apiserver/schema/validation.go).

use crate::field::Errors;
use crate::kinds::common::Field;

/// Where a schema stands.
#[derive(Clone, Copy, PartialEq)]
enum Level {
    Root,
    Field,
    Item,
}

/// What only the structure may say, not an alternative of it.
const OF_STRUCTURE: [&str; 11] = [
    "type",
    "default",
    "title",
    "description",
    "nullable",
    "additionalProperties",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-embedded-resource",
    "x-kubernetes-int-or-string",
    "x-kubernetes-list-type",
    "x-kubernetes-validations",
];

/// The schema of a version.
pub(super) fn validate(schema: &Field<'_>, errors: &mut Errors) {
    structure(schema, Level::Root, errors);
}

fn structure(schema: &Field<'_>, level: Level, errors: &mut Errors) {
    has_type(schema, level, errors);
    let preserved = schema.get("x-kubernetes-preserve-unknown-fields");
    if preserved.value() == &serde_json::Value::Bool(false) {
        errors.push(preserved.invalid("must be true or undefined"));
    }
    if level == Level::Root || schema.get("x-kubernetes-embedded-resource").is_true() {
        metadata(schema, errors);
    }
    embedded(schema, errors);
    for (_, property) in schema.get("properties").entries() {
        structure(&property, Level::Field, errors);
    }
    let items = schema.get("items");
    if items.value().is_object() {
        structure(&items, Level::Item, errors);
    }
    let additional = schema.get("additionalProperties");
    if additional.value().is_object() {
        structure(&additional, Level::Field, errors);
    }
    for alternative in alternatives(schema) {
        within(&alternative, schema, errors);
    }
}

fn alternatives<'a>(schema: &Field<'a>) -> Vec<Field<'a>> {
    let mut all: Vec<Field<'a>> = ["allOf", "anyOf", "oneOf"]
        .iter()
        .flat_map(|name| schema.get(name).items())
        .collect();
    let not = schema.get("not");
    if not.is_set() {
        all.push(not);
    }
    all
}

fn has_type(schema: &Field<'_>, level: Level, errors: &mut Errors) {
    let found = schema.get("type");
    let loose = [
        "x-kubernetes-int-or-string",
        "x-kubernetes-preserve-unknown-fields",
    ];
    let is_loose = loose.iter().any(|name| schema.get(name).is_true());
    if schema.get(loose[0]).is_true() && !found.is_empty() {
        let words = "must be empty if x-kubernetes-int-or-string is true";
        errors.push(found.forbidden(words));
    }
    match level {
        Level::Root if found.is_empty() => {
            errors.push(found.required("must not be empty at the root"));
        }
        Level::Root if found.str() != "object" => {
            errors.push(found.invalid("must be object at the root"));
        }
        Level::Field if found.is_empty() && !is_loose => {
            errors.push(found.required("must not be empty for specified object fields"));
        }
        Level::Item if found.is_empty() && !is_loose => {
            errors.push(found.required("must not be empty for specified array items"));
        }
        _ => {}
    }
}

/// `apiVersion`, `kind` and `metadata` are what they are: only names may be narrowed.
fn metadata(schema: &Field<'_>, errors: &mut Errors) {
    let properties = schema.get("properties");
    for name in ["apiVersion", "kind"] {
        let found = properties.key(name).get("type");
        if properties.key(name).is_set() && found.str() != "string" {
            errors.push(found.invalid("must be string"));
        }
    }
    let metadata = properties.key("metadata");
    if !metadata.is_set() {
        return;
    }
    if metadata.get("type").str() != "object" {
        errors.push(metadata.get("type").invalid("must be object"));
    }
    let narrowed = metadata.get("properties");
    let mut others = narrowed
        .entries()
        .filter(|(name, _)| !["name", "generateName"].contains(name));
    if others.next().is_some() {
        let words = "must not specify anything other than name and generateName, but metadata is implicitly specified";
        errors.push(metadata.forbidden(words));
    }
}

fn embedded(schema: &Field<'_>, errors: &mut Errors) {
    if !schema.get("x-kubernetes-embedded-resource").is_true() {
        return;
    }
    let found = schema.get("type");
    if found.str() != "object" {
        errors.push(found.invalid("must be object if x-kubernetes-embedded-resource is true"));
    }
    let open = schema.get("x-kubernetes-preserve-unknown-fields").is_true();
    if schema.get("properties").is_empty() && !open {
        errors.push(schema.get("properties").required(
            "must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields",
        ));
    }
}

/// An alternative says nothing that belongs to the structure, and names no field that the structure has not.
fn within(part: &Field<'_>, structure: &Field<'_>, errors: &mut Errors) {
    let int_or_string = structure.get("x-kubernetes-int-or-string").is_true();
    for name in OF_STRUCTURE {
        let field = part.get(name);
        if field.is_set() && !(name == "type" && int_or_string) {
            errors.push(field.forbidden("must be empty to be structural"));
        }
    }
    for (name, property) in part.get("properties").entries() {
        let outer = structure.get("properties").key(name);
        if outer.is_set() {
            within(&property, &outer, errors);
        } else if !structure.get("additionalProperties").is_set() {
            let words = format!("because it is defined in {}", property.path());
            errors.push(outer.required(&words));
        }
    }
    if part.get("items").is_set() {
        if structure.get("items").is_set() {
            within(&part.get("items"), &structure.get("items"), errors);
        } else {
            let words = format!("because it is defined in {}", part.get("items").path());
            errors.push(structure.get("items").required(&words));
        }
    }
    for alternative in alternatives(part) {
        within(&alternative, structure, errors);
    }
}
