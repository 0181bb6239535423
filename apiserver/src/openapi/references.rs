//! References between the schemas of a document.

use std::collections::BTreeSet;

use serde_json::Value;

/// Before the name of a type, in version 2.
pub(super) const V2: &str = "#/definitions/";
/// Before the name of a type, in version 3.
pub(super) const V3: &str = "#/components/schemas/";

/// The types that a part of a document names.
pub(super) fn named<'a>(part: &'a Value, prefix: &str, found: &mut Vec<&'a str>) {
    match part {
        Value::Object(fields) => {
            if let Some(name) = fields.get("$ref").and_then(Value::as_str) {
                found.extend(name.strip_prefix(prefix));
            }
            for value in fields.values() {
                named(value, prefix, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| named(item, prefix, found)),
        _ => {}
    }
}

/// Adds types to those in use, and all that they are made of.
pub(super) fn reach<'a>(
    mut open: Vec<&'a str>,
    schema_of: impl Fn(&str) -> Option<&'a Value>,
    prefix: &str,
    used: &mut BTreeSet<&'a str>,
) {
    while let Some(name) = open.pop() {
        let Some(schema) = schema_of(name) else {
            continue;
        };
        if used.insert(name) {
            named(schema, prefix, &mut open);
        }
    }
}
