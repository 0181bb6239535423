//! Whether a custom resource is what its schema says, in the words of the API server (k8s.io/kube-openapi's validation,
//! as k8s.io/apiextensions-apiserver shows it).
//!
//! What an update leaves as it was is not judged again (KEP-4008, ratcheting).

mod formats;
mod lists;
mod scalars;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::child;
use super::shape::{Additional, List, Shape};
use crate::field::{Error, Errors, Path};
pub(super) use lists::identity;

/// What is wrong with a value; `old` is what stood in its place.
pub(crate) fn validate(shape: &Shape, value: &Value, old: Option<&Value>) -> Errors {
    let mut errors = Errors::new();
    check(shape, "", value, old, &mut errors);
    errors
}

/// The same for a value that stands at a path.
pub(super) fn check(
    shape: &Shape,
    path: &str,
    value: &Value,
    old: Option<&Value>,
    errors: &mut Errors,
) {
    if old == Some(value) {
        return;
    }
    if value.is_null() && shape.nullable {
        return;
    }
    if !scalars::is_of_type(shape, path, value, errors) {
        return;
    }
    match value {
        Value::Object(fields) => check_object(shape, path, fields, old, errors),
        Value::Array(items) => check_array(shape, path, items, old, errors),
        _ => {}
    }
    if let Some(checks) = &shape.checks {
        scalars::check(checks, path, value, errors);
        combined(shape, path, value, errors);
    }
}

fn check_object(
    shape: &Shape,
    path: &str,
    fields: &Map<String, Value>,
    old: Option<&Value>,
    errors: &mut Errors,
) {
    for name in &shape.required {
        if !fields.contains_key(name.as_ref()) {
            errors.push(Error::required(&Path::root(&child(path, name)), ""));
        }
    }
    if shape.embedded {
        for name in ["apiVersion", "kind"] {
            if fields
                .get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .is_empty()
            {
                let path = Path::root(&child(path, name));
                errors.push(Error::required(&path, "must not be empty"));
            }
        }
    }
    for (key, value) in fields {
        let field = match (shape.properties.get(key.as_str()), &shape.additional) {
            (Some(field), _) => field,
            (None, Additional::Each(each)) => each,
            (None, _) => continue,
        };
        let old = old.and_then(|old| old.get(key));
        check(field, &child(path, key), value, old, errors);
    }
}

fn check_array(
    shape: &Shape,
    path: &str,
    items: &[Value],
    old: Option<&Value>,
    errors: &mut Errors,
) {
    lists::unique(&shape.list, path, items, errors);
    let Some(item_shape) = &shape.items else {
        return;
    };
    let old = known_items(&shape.list, old);
    for (index, item) in items.iter().enumerate() {
        let old = lists::identity(&shape.list, item).and_then(|id| old.get(&id).copied());
        check(item_shape, &format!("{path}[{index}]"), item, old, errors);
    }
}

/// The items of the old list by what they are known by: which item one was before, its keys tell alone.
pub(super) fn known_items<'a>(list: &List, old: Option<&'a Value>) -> BTreeMap<String, &'a Value> {
    if !matches!(list, List::Map(_)) {
        return BTreeMap::new();
    }
    let items = old.and_then(Value::as_array).into_iter().flatten();
    items
        .filter_map(|item| Some((lists::identity(list, item)?, item)))
        .collect()
}

/// `allOf`, `anyOf`, `oneOf` and `not`.
fn combined(shape: &Shape, path: &str, value: &Value, errors: &mut Errors) {
    let Some(checks) = &shape.checks else { return };
    let judge = |shape: &Shape| {
        let mut errors = Errors::new();
        check(shape, path, value, None, &mut errors);
        errors
    };
    let broken = |words: String| Error::invalid(&Path::root(""), "", words);
    if !checks.any_of.is_empty() {
        let results: Vec<Errors> = checks.any_of.iter().map(judge).collect();
        if let Some(best) = best_failure(&results) {
            errors.push(broken(format!(
                "{path:?} must validate at least one schema (anyOf)"
            )));
            errors.extend(best);
        }
    }
    if !checks.one_of.is_empty() {
        let results: Vec<Errors> = checks.one_of.iter().map(judge).collect();
        let sound = results.iter().filter(|errors| errors.is_empty()).count();
        let only = format!("{path:?} must validate one and only one schema (oneOf)");
        if sound > 1 {
            errors.push(broken(format!("{only}. Found {sound} valid alternatives")));
        } else if let Some(best) = best_failure(&results) {
            errors.push(broken(format!("{only}. Found none valid")));
            errors.extend(best);
        }
    }
    let all: Vec<Errors> = checks.all_of.iter().map(judge).collect();
    let failed = all.iter().filter(|errors| !errors.is_empty()).count();
    if failed > 0 {
        let none = if failed == all.len() {
            ". None validated"
        } else {
            ""
        };
        errors.extend(all.into_iter().flatten());
        errors.push(broken(format!(
            "{path:?} must validate all the schemas (allOf){none}"
        )));
    }
    if checks.not.as_ref().is_some_and(|not| judge(not).is_empty()) {
        errors.push(broken(format!(
            "{path:?} must not validate the schema (not)"
        )));
    }
}

/// The shortest list of errors, unless one of them is empty.
fn best_failure(results: &[Errors]) -> Option<Errors> {
    let best = results.iter().min_by_key(|errors| errors.len())?;
    (!best.is_empty()).then(|| best.clone())
}
