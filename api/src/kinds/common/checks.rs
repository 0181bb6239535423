//! Single rules that many fields follow, worded as Kubernetes words them
//! (k8s.io/apimachinery/pkg/util/validation and /api/validation).

use std::collections::HashSet;
use std::hash::Hash;
use std::ops::RangeInclusive;

use super::{Field, same};
use crate::field::{Error, Errors};
use crate::{Selector, metadata, names};

/// A rule of `crate::names`: what is wrong with a string, in words.
pub(crate) type NameRule = fn(&str) -> Vec<String>;

/// User and group ids.
pub(crate) const IDS: RangeInclusive<i64> = 0..=i32::MAX as i64;
/// A field that must be there.
pub(crate) fn required(field: &Field<'_>, errors: &mut Errors) {
    if field.is_empty() {
        errors.push(field.required(""));
    }
}

/// A number that, if set, is not negative.
pub(crate) fn non_negative(field: &Field<'_>, errors: &mut Errors) {
    if field.int().is_some_and(|number| number < 0) {
        errors.push(field.invalid("must be greater than or equal to 0"));
    }
}

/// Several numbers of one map that, if set, are not negative.
pub(crate) fn all_non_negative(map: &Field<'_>, names: &[&str], errors: &mut Errors) {
    for name in names {
        non_negative(&map.get(name), errors);
    }
}

/// A number that, if set, lies in the range.
pub(crate) fn in_range(field: &Field<'_>, range: RangeInclusive<i64>, errors: &mut Errors) {
    if let Some(number) = field.int() {
        let wrong = names::in_range(number, *range.start(), *range.end());
        errors.extend(field.invalid_each(wrong));
    }
}

/// A string that, if set, follows a rule of names.
pub(crate) fn name(field: &Field<'_>, rule: NameRule, errors: &mut Errors) {
    if !field.is_empty() {
        let wrong = rule(field.str());
        errors.extend(field.invalid_each(wrong));
    }
}

/// A string that must follow a rule of names; a missing one is empty and breaks it.
pub(crate) fn must_follow(field: &Field<'_>, rule: NameRule, errors: &mut Errors) {
    let wrong = rule(field.str());
    errors.extend(
        wrong
            .into_iter()
            .map(|words| Error::invalid(field.path(), field.str(), words)),
    );
}

/// A string that must be there and, if so, follow a rule of names.
pub(crate) fn required_name(field: &Field<'_>, rule: NameRule, errors: &mut Errors) {
    required(field, errors);
    name(field, rule, errors);
}

/// A string that must be one of these.
pub(crate) fn one_of(field: &Field<'_>, known: &[&str], errors: &mut Errors) {
    required(field, errors);
    one_of_if_set(field, known, errors);
}

/// A string that, if set, must be one of these.
pub(crate) fn one_of_if_set(field: &Field<'_>, known: &[&str], errors: &mut Errors) {
    if !field.is_empty() && !known.contains(&field.str()) {
        errors.push(field.not_supported(known));
    }
}

/// The names of the parts of which `union` has more than one; the first one is allowed.
/// With none, the error is that `union` is required.
pub(crate) fn exactly_one<'a>(
    union: &Field<'_>,
    parts: &[&'a str],
    none: &str,
    several: &str,
    errors: &mut Errors,
) -> Option<&'a str> {
    let mut set = parts
        .iter()
        .copied()
        .filter(|part| union.get(part).is_set());
    let first = set.next();
    if first.is_none() {
        errors.push(union.required(none));
    }
    errors.extend(set.map(|part| union.get(part).forbidden(several)));
    first
}

/// A map of labels, such as a Service's selector.
pub(crate) fn labels(field: &Field<'_>, errors: &mut Errors) {
    errors.extend(metadata::validate_labels(
        field.value().as_object(),
        field.path(),
    ));
}

/// A map of annotations.
pub(crate) fn annotations(field: &Field<'_>, errors: &mut Errors) {
    errors.extend(metadata::validate_annotations(
        field.value().as_object(),
        field.path(),
    ));
}

/// The key of a label, as the error of `field`.
pub(crate) fn label_key(field: &Field<'_>, key: &str, errors: &mut Errors) {
    for words in names::qualified_name(key) {
        errors.push(Error::invalid(field.path(), key, words));
    }
}

/// A LabelSelector, if set.
pub(crate) fn label_selector(field: &Field<'_>, errors: &mut Errors) {
    if field.is_set()
        && let Err(wrong) = Selector::from_object(field.value(), field.path())
    {
        errors.extend(wrong);
    }
}

/// A field that an update may not change.
pub(crate) fn immutable(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    if !same(new.value(), old.value()) {
        errors.push(new.invalid("field is immutable"));
    }
}

/// Remembers what was seen; says what stands twice.
pub(crate) struct Seen<K>(HashSet<K>);

impl<K: Hash + Eq> Seen<K> {
    /// Nothing seen yet.
    pub(crate) fn new() -> Self {
        Self(HashSet::new())
    }

    /// Adds `key`, of which `field` is an error if it is known already.
    pub(crate) fn add(&mut self, key: K, field: &Field<'_>, errors: &mut Errors) {
        if !self.0.insert(key) {
            errors.push(field.duplicate());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::wrong;

    #[test]
    fn numbers() {
        assert_eq!(wrong(json!(null), non_negative), [""; 0]);
        assert_eq!(wrong(json!(0), non_negative), [""; 0]);
        assert_eq!(
            wrong(json!(-1), non_negative),
            ["x: Invalid value: -1: must be greater than or equal to 0"]
        );
        assert_eq!(
            wrong(json!(-1), |field, errors| in_range(field, 0..=9, errors)),
            ["x: Invalid value: -1: must be between 0 and 9, inclusive"]
        );
    }

    #[test]
    fn choices() {
        let check = |field: &Field<'_>, errors: &mut Errors| one_of(field, &["A", "B"], errors);
        assert_eq!(wrong(json!("A"), check), [""; 0]);
        assert_eq!(wrong(json!(""), check), ["x: Required value"]);
        assert_eq!(
            wrong(json!("C"), check),
            ["x: Unsupported value: \"C\": supported values: \"A\", \"B\""]
        );
    }

    #[test]
    fn one_part_of_a_union() {
        let check = |field: &Field<'_>, errors: &mut Errors| {
            exactly_one(field, &["a", "b"], "must have one", "may have one", errors);
        };
        assert_eq!(wrong(json!({"b": {}}), check), [""; 0]);
        assert_eq!(
            wrong(json!({}), check),
            ["x: Required value: must have one"]
        );
        assert_eq!(
            wrong(json!({"a": {}, "b": {}}), check),
            ["x.b: Forbidden: may have one"]
        );
    }
}
