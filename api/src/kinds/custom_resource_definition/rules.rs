//! The rules in CEL of a schema, as far as a definition can be judged by them
//! (apiextensions.k8s.io/v1 ValidationRule).

use crate::custom::JsonPath;
use crate::custom::rules::wrong_with;
use crate::field::Errors;
use crate::kinds::common::{Field, checks};
use crate::policies::{Place, wrong_types};

/// What a broken rule may be told as.
const REASONS: [&str; 4] = [
    "FieldValueDuplicate",
    "FieldValueForbidden",
    "FieldValueInvalid",
    "FieldValueRequired",
];

/// The rules at one place of a schema.
pub(super) fn validate(schema: &Field<'_>, errors: &mut Errors) {
    for rule in schema.get("x-kubernetes-validations").items() {
        let text = rule.get("rule");
        if text.str().trim().is_empty() {
            errors.push(text.required("rule is not specified"));
        } else if let Some(words) = wrong(&rule, "rule", schema, "bool") {
            errors.push(text.invalid(words));
        }
        message(&rule, schema, errors);
        checks::one_of_if_set(&rule.get("reason"), &REASONS, errors);
        field_path(&rule.get("fieldPath"), schema, errors);
    }
}

/// What is wrong with an expression of a rule, which must give a type.
fn wrong(rule: &Field<'_>, field: &str, schema: &Field<'_>, gives: &str) -> Option<String> {
    let text = rule.get(field);
    let is_whole = schema.path().to_string().ends_with("openAPIV3Schema")
        || schema.get("x-kubernetes-embedded-resource").is_true();
    let place = Place::Written(schema.value(), is_whole);
    let old = (!rule.get("optionalOldSelf").is_true()).then_some(place);
    wrong_with(text.str()).or_else(|| wrong_types(text.str(), place, old, gives))
}

fn message(rule: &Field<'_>, schema: &Field<'_>, errors: &mut Errors) {
    let (message, text) = (rule.get("message"), rule.get("rule").str().trim());
    let trimmed = message.str().trim();
    if !message.is_empty() && trimmed.is_empty() {
        errors.push(message.invalid("message must be non-empty if specified"));
    } else if has_breaks(trimmed) {
        errors.push(message.invalid("message must not contain line breaks"));
    } else if has_breaks(text) && trimmed.is_empty() {
        errors.push(message.required("message must be specified if rule contains line breaks"));
    }
    let expression = rule.get("messageExpression");
    if expression.is_empty() {
        return;
    }
    if expression.str().trim().is_empty() {
        errors.push(expression.required("messageExpression must be non-empty if specified"));
    } else if let Some(words) = wrong(rule, "messageExpression", schema, "string") {
        errors.push(expression.invalid(words));
    }
}

fn field_path(path: &Field<'_>, schema: &Field<'_>, errors: &mut Errors) {
    let text = path.str();
    if text.is_empty() {
        return;
    }
    if text.trim().is_empty() {
        errors.push(path.invalid("fieldPath must be non-empty if specified"));
    }
    if has_breaks(text) {
        errors.push(path.invalid("fieldPath must not contain line breaks"));
    }
    if !leads_to_a_field(text, schema) {
        errors.push(path.invalid("fieldPath must be a valid path"));
    }
}

/// Whether the schema knows what a path such as `.spec.size` leads to.
fn leads_to_a_field(path: &str, schema: &Field<'_>) -> bool {
    let Ok(parsed) = JsonPath::parse(path) else {
        return false;
    };
    let Some(fields) = parsed.fields() else {
        return false;
    };
    let mut at = schema.clone();
    for field in fields {
        let property = at.get("properties").key(field);
        let additional = at.get("additionalProperties");
        at = if property.is_set() {
            property
        } else {
            additional
        };
        if !at.is_set() {
            return false;
        }
    }
    true
}

fn has_breaks(text: &str) -> bool {
    text.contains(['\n', '\r'])
}
