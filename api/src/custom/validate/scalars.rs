//! The type of one value, and the rules that look at it alone.

use serde_json::{Number, Value};

use super::formats;
use crate::custom::shape::{Checks, Shape};
use crate::field::{Error, Errors, Path};

/// What JSON calls the value; a number without a fraction is an integer.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
        Value::Number(number) if is_whole(number) => "integer",
        Value::Number(_) => "number",
    }
}

fn is_whole(number: &Number) -> bool {
    !number.is_f64() || number.as_f64().is_some_and(|number| number.fract() == 0.0)
}

/// Whether the value has the type of the schema; if not, that is the error.
pub(super) fn is_of_type(shape: &Shape, path: &str, value: &Value, errors: &mut Errors) -> bool {
    let found = type_of(value);
    if shape.int_or_string {
        if matches!(found, "integer" | "string") {
            return true;
        }
        let words = format!("{path:?} must validate at least one schema (anyOf)");
        errors.push(Error::invalid(&Path::root(""), "", words));
        errors.push(wrong_type(path, "integer", found, found));
        return false;
    }
    let Some(wanted) = shape.type_name.as_deref() else {
        return true;
    };
    let fits = wanted == found || (wanted == "number" && found == "integer");
    if !fits {
        errors.push(wrong_type(path, wanted, found, found));
    }
    fits
}

/// `spec.size: Invalid value: "string": spec.size in body must be of type integer: "string"`
fn wrong_type(path: &str, wanted: &str, value: &str, shown: &str) -> Error {
    let words = format!("{path} in body must be of type {wanted}: {shown:?}");
    Error::type_invalid(&Path::root(path), value, words)
}

/// The rules that hold for the value itself.
pub(super) fn check(checks: &Checks, path: &str, value: &Value, errors: &mut Errors) {
    let mut invalid = |words: String| {
        let words = format!("{path} in body {words}");
        errors.push(Error::invalid(&Path::root(path), value.clone(), words));
    };
    match value {
        Value::Number(number) => {
            for words in wrong_number(checks, number.as_f64().unwrap_or_default()) {
                invalid(words);
            }
        }
        Value::String(text) => {
            let least = checks.min_length.unwrap_or(0);
            if text.chars().count() < least {
                invalid(format!("should be at least {least} chars long"));
            }
            if let Some(pattern) = &checks.pattern
                && !pattern.regex.is_match(text)
            {
                invalid(format!("should match '{}'", pattern.text));
            }
        }
        Value::Array(items) => {
            let least = checks.min_items.unwrap_or(0);
            if items.len() < least {
                invalid(format!("should have at least {least} items"));
            }
        }
        Value::Object(fields) => {
            let least = checks.min_properties.unwrap_or(0);
            if fields.len() < least {
                invalid(format!("should have at least {least} properties"));
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
    too_much(checks, path, value, errors);
    if let (Some(format), Value::String(text)) = (&checks.format, value)
        && !formats::matches(format, text)
    {
        errors.push(wrong_type(path, format, text, text));
    }
    if let Some(choices) = &checks.choices
        && !choices.contains(value)
    {
        errors.push(not_among(path, value, choices));
    }
}

fn wrong_number(checks: &Checks, number: f64) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(most) = checks.maximum {
        if checks.exclusive_maximum && number >= most {
            wrong.push(format!("should be less than {most}"));
        } else if number > most {
            wrong.push(format!("should be less than or equal to {most}"));
        }
    }
    if let Some(least) = checks.minimum {
        if checks.exclusive_minimum && number <= least {
            wrong.push(format!("should be greater than {least}"));
        } else if number < least {
            wrong.push(format!("should be greater than or equal to {least}"));
        }
    }
    if let Some(of) = checks.multiple_of
        && (number / of).fract() != 0.0
    {
        wrong.push(format!("should be a multiple of {of}"));
    }
    wrong
}

/// More characters, items or properties than allowed.
fn too_much(checks: &Checks, path: &str, value: &Value, errors: &mut Errors) {
    let path = Path::root(path);
    match value {
        Value::String(text) => {
            if let Some(most) = checks.max_length
                && text.chars().count() > most
            {
                errors.push(Error::too_long(&path, most));
            }
        }
        Value::Array(items) => {
            if let Some(most) = checks.max_items
                && items.len() > most
            {
                errors.push(Error::too_many(&path, items.len(), most));
            }
        }
        Value::Object(fields) => {
            if let Some(most) = checks.max_properties
                && fields.len() > most
            {
                errors.push(Error::too_many(&path, fields.len(), most));
            }
        }
        _ => {}
    }
}

fn not_among(path: &str, value: &Value, choices: &[Value]) -> Error {
    let words: Vec<String> = choices
        .iter()
        .map(|choice| match choice {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Error::not_supported(&Path::root(path), value.clone(), &words)
}
