//! What the tests of all kinds say.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Field;
use crate::Strategy;
use crate::field::{Error, Errors};

/// The errors as a user reads them.
pub(crate) fn words(errors: &Errors) -> Vec<String> {
    errors.iter().map(Error::to_string).collect()
}

/// What is wrong with a value that stands at `x`.
pub(crate) fn wrong(value: Value, check: impl Fn(&Field<'_>, &mut Errors)) -> Vec<String> {
    let object = json!({"x": value});
    let mut errors = Errors::new();
    check(&Field::root(&object).get("x"), &mut errors);
    words(&errors)
}

/// The object as it is stored when a user creates it.
pub(crate) fn created(strategy: &dyn Strategy, object: &Value) -> Value {
    let mut object = object.clone();
    strategy.default(&mut object);
    strategy.prepare_create(&mut object);
    object
}

/// What a user who creates the object is told.
pub(crate) fn create_errors(strategy: &dyn Strategy, object: &Value) -> Vec<String> {
    words(&strategy.validate(&created(strategy, object)))
}

/// The object as it is stored when a user replaces `old` by `new`.
pub(crate) fn updated(strategy: &dyn Strategy, old: &Value, new: &Value) -> Value {
    let old = created(strategy, old);
    let mut new = new.clone();
    strategy.default(&mut new);
    strategy.prepare_update(&mut new, &old);
    new
}

/// What a user who replaces `old` by `new` is told.
pub(crate) fn update_errors(strategy: &dyn Strategy, old: &Value, new: &Value) -> Vec<String> {
    let new = updated(strategy, old, new);
    let old = created(strategy, old);
    let mut errors = strategy.validate(&new);
    errors.extend(strategy.validate_update(&new, &old));
    words(&errors)
}

/// The row of `kubectl get` under its headings, five minutes after 2026-01-01T00:00:00Z; `-o wide` columns included.
pub(crate) fn row(strategy: &dyn Strategy, object: &Value) -> Vec<(String, Value)> {
    let now: Timestamp = "2026-01-01T00:05:00Z".parse().expect("a timestamp");
    let names = strategy
        .columns()
        .into_iter()
        .map(|column| column.name.into_owned());
    let cells = strategy.cells(object, now);
    assert_eq!(names.len(), cells.len(), "one cell a column");
    names.zip(cells).collect()
}

/// Asserts the row of `kubectl get`, given as `Heading: cell` pairs.
#[track_caller]
pub(crate) fn assert_row(strategy: &dyn Strategy, object: &Value, expected: &[(&str, Value)]) {
    let expected: Vec<(String, Value)> = expected
        .iter()
        .map(|(name, cell)| ((*name).to_owned(), cell.clone()))
        .collect();
    assert_eq!(row(strategy, object), expected);
}
