//! `matchLabelKeys` and `mismatchLabelKeys`: keys beside a label selector whose values are those of the Pod's own labels.
//!
//! In a new Pod they become expressions of that selector, so that who reads it later need not know of them (KEP-3633 for
//! affinity to Pods, KEP-3243 for spreading).

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::field::{Error, Errors};
use crate::kinds::common::defaults::existing;
use crate::kinds::common::{Field, checks};
use crate::names;

/// The fields, and how a selector says what each means.
const FIELDS: [(&str, &str); 2] = [("matchLabelKeys", "In"), ("mismatchLabelKeys", "NotIn")];

/// What is wrong with the keys of a term of affinity or of a constraint of spreading. In a Pod its selector has their
/// expressions already.
pub(super) fn validate(term: &Field<'_>, errors: &mut Errors) {
    let selector = term.get("labelSelector");
    let [matched, mismatched] = FIELDS.map(|(field, _)| term.get(field));
    for keys in [&matched, &mismatched] {
        if !keys.is_empty() && !selector.is_set() {
            let words = "must not be specified when labelSelector is not set";
            errors.push(keys.forbidden(words));
            continue;
        }
        for key in keys.items() {
            checks::must_follow(&key, names::qualified_name, errors);
        }
    }
    selected_twice(term, &selector, &matched, errors);
    let others: HashSet<&str> = mismatched.items().map(|key| key.str()).collect();
    for key in matched.items().filter(|key| others.contains(key.str())) {
        errors.push(key.invalid("exists in both matchLabelKeys and mismatchLabelKeys"));
    }
}

/// What `matchLabelKeys` says of a key is one value, so that the selector has nothing to add.
fn selected_twice(
    term: &Field<'_>,
    selector: &Field<'_>,
    matched: &Field<'_>,
    errors: &mut Errors,
) {
    let labels = selector.get("matchLabels").entries();
    let mut selected: HashSet<&str> = labels.map(|(key, _)| key).collect();
    for expression in selector.get("matchExpressions").items() {
        let key = expression.get("key").str();
        let listed = matched.items().position(|one| one.str() == key);
        if !selected.insert(key)
            && let Some(index) = listed
        {
            // Kubernetes names the place so, without the field.
            let place = term.path().index(index);
            let words = "exists in both matchLabelKeys and labelSelector";
            errors.push(Error::invalid(&place, key, words));
        }
    }
}

/// Makes expressions of the keys in a term of a new Pod, whose labels these are. A key that it does not have says nothing.
pub(super) fn merge(term: &mut Value, labels: &Value) {
    let mut expressions = Vec::new();
    for (field, operator) in FIELDS {
        let keys = term[field].as_array().into_iter().flatten();
        let of_key = |key: &Value| {
            let value = labels.get(key.as_str()?)?;
            Some(json!({"key": key, "operator": operator, "values": [value]}))
        };
        expressions.extend(keys.filter_map(of_key));
    }
    let selector = existing(term, "labelSelector");
    let Some(selector) = selector.filter(|_| !expressions.is_empty()) else {
        return;
    };
    match &mut selector["matchExpressions"] {
        Value::Array(known) => known.extend(expressions),
        missing => *missing = expressions.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kinds::common::testing::wrong;

    #[test]
    fn what_says_nothing_changes_nothing() {
        for term in [
            json!({"matchLabelKeys": ["app"]}),
            json!({"labelSelector": {}, "matchLabelKeys": ["none"]}),
            json!({"labelSelector": {}}),
        ] {
            let mut after = term.clone();
            merge(&mut after, &json!({"app": "web"}));
            assert_eq!(after, term);
        }
    }

    #[test]
    fn what_users_get_wrong() {
        let web = json!({"matchLabels": {"app": "web"}});
        let merged = json!({"matchLabels": {"app": "web"}, "matchExpressions": [
            {"key": "app", "operator": "In", "values": ["web"]},
        ]});
        let cases: [(Value, &[&str]); 6] = [
            (
                json!({"labelSelector": web, "matchLabelKeys": ["app"]}),
                &[],
            ),
            (
                json!({"labelSelector": {}, "matchLabelKeys": ["app"], "mismatchLabelKeys": ["tier"]}),
                &[],
            ),
            (
                json!({"matchLabelKeys": ["app"]}),
                &[
                    "x.matchLabelKeys: Forbidden: must not be specified when labelSelector is not set",
                ],
            ),
            (
                json!({"labelSelector": merged, "matchLabelKeys": ["a", "app"]}),
                &["x[1]: Invalid value: \"app\": exists in both matchLabelKeys and labelSelector"],
            ),
            (
                json!({"labelSelector": {}, "matchLabelKeys": ["a"], "mismatchLabelKeys": ["a"]}),
                &[
                    "x.matchLabelKeys[0]: Invalid value: \"a\": exists in both matchLabelKeys and mismatchLabelKeys",
                ],
            ),
            (
                json!({"labelSelector": {}, "mismatchLabelKeys": ["/a"]}),
                &["x.mismatchLabelKeys[0]: Invalid value: \"/a\": prefix part must be non-empty"],
            ),
        ];
        for (term, expected) in cases {
            assert_eq!(wrong(term.clone(), validate), expected, "{term}");
        }
    }
}
