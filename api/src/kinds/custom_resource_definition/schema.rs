//! The schema of a version: what may stand in it at all, and that it is structural
//! (k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation).

use super::{rules, structural};
use crate::custom::{Shape, pattern, validate as validate_value};
use crate::field::{Error, Errors};
use crate::kinds::common::{Field, checks};

/// Types that a value may have.
const TYPES: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// What OpenAPI knows and a definition may not use.
const FORBIDDEN: [(&str, &str); 8] = [
    ("$ref", "$ref is not supported"),
    ("additionalItems", "additionalItems is not supported"),
    ("definitions", "definitions is not supported"),
    ("dependencies", "dependencies is not supported"),
    ("deprecated", "deprecated is not supported"),
    ("id", "id is not supported"),
    ("patternProperties", "patternProperties is not supported"),
    (
        "uniqueItems",
        "uniqueItems cannot be set to true since the runtime complexity becomes quadratic",
    ),
];

/// The schema of a version.
pub(super) fn validate(schema: &Field<'_>, errors: &mut Errors) {
    each(schema, &mut |schema| check(schema, errors));
    structural::validate(schema, errors);
}

/// Calls for a schema and all that it is made of.
fn each<'a>(schema: &Field<'a>, visit: &mut impl FnMut(&Field<'a>)) {
    visit(schema);
    for (_, property) in schema.get("properties").entries() {
        each(&property, visit);
    }
    for name in ["items", "additionalProperties", "not"] {
        if schema.get(name).value().is_object() {
            each(&schema.get(name), visit);
        }
    }
    for name in ["allOf", "anyOf", "oneOf"] {
        for alternative in schema.get(name).items() {
            each(&alternative, visit);
        }
    }
}

fn check(schema: &Field<'_>, errors: &mut Errors) {
    for (name, words) in FORBIDDEN {
        let field = schema.get(name);
        let is_used = field.is_set() && field.value() != &serde_json::Value::Bool(false);
        if is_used {
            errors.push(field.forbidden(words));
        }
    }
    checks::one_of_if_set(&schema.get("type"), &TYPES, errors);
    let regex = schema.get("pattern");
    if let Err(words) = pattern(regex.str()) {
        errors.push(regex.invalid(format!(
            "must be a valid regular expression, but isn't: {words}"
        )));
    }
    let additional = schema.get("additionalProperties");
    if additional.value() == &serde_json::Value::Bool(false) {
        errors.push(additional.forbidden("additionalProperties cannot be set to false"));
    }
    if additional.is_set() && !schema.get("properties").is_empty() {
        let words = "additionalProperties and properties are mutual exclusive";
        errors.push(additional.forbidden(words));
    }
    if schema.get("items").value().is_array() {
        let words = "items must be a schema object and not an array";
        errors.push(schema.get("items").forbidden(words));
    }
    if schema.get("type").str() == "array" && !schema.get("items").is_set() {
        errors.push(schema.get("items").required("must be specified"));
    }
    rules::validate(schema, errors);
    list_type(schema, errors);
    map_type(schema, errors);
    default(schema, errors);
}

fn list_type(schema: &Field<'_>, errors: &mut Errors) {
    let list_type = schema.get("x-kubernetes-list-type");
    checks::one_of_if_set(&list_type, &["atomic", "map", "set"], errors);
    if !list_type.is_empty() {
        let words = "must be array if x-kubernetes-list-type is specified";
        of_type(schema, "array", words, errors);
    }
    let nullable = schema.get("items").get("nullable");
    if matches!(list_type.str(), "map" | "set") && nullable.is_true() {
        let words = format!(
            "cannot be nullable when x-kubernetes-list-type is {}",
            list_type.str()
        );
        errors.push(nullable.forbidden(words));
    }
    let keys = schema.get("x-kubernetes-list-map-keys");
    if list_type.str() != "map" {
        let words = "must be map if x-kubernetes-list-map-keys is non-empty";
        match (keys.is_empty(), list_type.is_empty()) {
            (true, _) => {}
            (false, true) => errors.push(list_type.required(words)),
            (false, false) => errors.push(list_type.invalid(words)),
        }
        return;
    }
    let items = schema.get("items");
    if items.is_set() {
        let words = "must be object if parent array's x-kubernetes-list-type is map";
        of_type(&items, "object", words, errors);
    }
    if keys.is_empty() {
        errors.push(keys.required("must not be empty if x-kubernetes-list-type is map"));
    }
    let required: Vec<&str> = items
        .get("required")
        .items()
        .map(|name| name.str())
        .collect();
    let mut seen = checks::Seen::new();
    for key in keys.items() {
        let property = items.get("properties").key(key.str());
        seen.add(key.str(), &key, errors);
        if !property.is_set() {
            errors.push(key.invalid("entries must all be names of item properties"));
        } else if ["array", "object"].contains(&property.get("type").str()) {
            let words = "must be a scalar type if parent array's x-kubernetes-list-type is map";
            errors.push(property.get("type").invalid(words));
        } else if !required.contains(&key.str()) && !property.get("default").is_set() {
            errors.push(property.get("default").required(
                "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property",
            ));
        }
    }
}

fn map_type(schema: &Field<'_>, errors: &mut Errors) {
    let map_type = schema.get("x-kubernetes-map-type");
    checks::one_of_if_set(&map_type, &["atomic", "granular"], errors);
    if !map_type.is_empty() {
        let words = "must be object if x-kubernetes-map-type is specified";
        of_type(schema, "object", words, errors);
    }
}

/// The type that what else is said of a value asks for.
fn of_type(schema: &Field<'_>, expected: &str, words: &str, errors: &mut Errors) {
    let found = schema.get("type");
    if found.is_empty() {
        errors.push(found.required(words));
    } else if found.str() != expected {
        errors.push(found.invalid(words));
    }
}

/// A default must be sound by the schema that it is part of.
fn default(schema: &Field<'_>, errors: &mut Errors) {
    let default = schema.get("default");
    if !default.is_set() {
        return;
    }
    let shape = Shape::compile(schema.value());
    let wrong = validate_value(&shape, default.value(), None);
    errors.extend(wrong.into_iter().map(|error| {
        let nested = error.path.to_string();
        let path = match nested.as_str() {
            "" | "<nil>" => default.path().clone(),
            nested => default.path().child(nested),
        };
        // The default stands alone, so that the words have no path of its own.
        let detail = error.detail.trim_start_matches(" in body ").to_owned();
        Error {
            path,
            detail,
            ..error
        }
    }));
}
