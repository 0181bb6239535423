//! What Deployments, ReplicaSets, StatefulSets and DaemonSets share: a selector, a template, a count.

use serde_json::Value;

use super::common::cells::items;
use super::common::{Field, cells, checks};
use super::pod_spec;
use crate::Column;
use crate::Selector;
use crate::field::Errors;

/// A kind of workload, for words of errors.
pub(super) struct Workload {
    /// What an empty selector is not good for.
    pub(super) selects_for: &'static str,
    /// What `activeDeadlineSeconds` is not supported in.
    pub(super) template_of: &'static str,
}

impl Workload {
    /// What is wrong with selector and template; `claims` are names of volumes that a StatefulSet adds.
    pub(super) fn validate(&self, spec: &Field<'_>, claims: &[&str], errors: &mut Errors) {
        let numbers = ["replicas", "minReadySeconds", "revisionHistoryLimit"];
        checks::all_non_negative(spec, &numbers, errors);
        let selector = self.selector(&spec.get("selector"), errors);
        let template = spec.get("template");
        let labels = template.get("metadata").get("labels");
        let matches = |selector: Selector| selector.matches(&labels.value().as_object());
        if !selector.is_none_or(matches) {
            errors.push(labels.invalid("`selector` does not match template `labels`"));
        }
        pod_spec::validate_template(&template, self.template_of, claims, errors);
    }

    fn selector(&self, selector: &Field<'_>, errors: &mut Errors) -> Option<Selector> {
        if !selector.is_set() {
            errors.push(selector.required(""));
            return None;
        }
        let parts = ["matchLabels", "matchExpressions"];
        if parts.iter().all(|part| selector.get(part).is_empty()) {
            let words = format!("empty selector is invalid for {}", self.selects_for);
            errors.push(selector.invalid(words));
            return None;
        }
        let parsed = Selector::from_object(selector.value(), selector.path());
        parsed.map_err(|wrong| errors.extend(wrong)).ok()
    }
}

/// What is wrong with a change of the selector.
pub(super) fn selector_stays(new: &Value, old: &Value, errors: &mut Errors) {
    let [new, old] = [new, old].map(|object| Field::root(object).get("spec").get("selector"));
    checks::immutable(&new, &old, errors);
}

/// What is wrong with the counts of a status: none is negative, none is more than there is.
pub(super) fn counts(status: &Field<'_>, of_replicas: &[&str], errors: &mut Errors) {
    checks::all_non_negative(status, &["replicas", "observedGeneration"], errors);
    checks::all_non_negative(status, of_replicas, errors);
    let count = |name: &str| status.get(name).int().unwrap_or_default();
    for name in of_replicas {
        if count(name) > count("replicas") {
            errors.push(
                status
                    .get(name)
                    .invalid("cannot be greater than status.replicas"),
            );
        }
    }
    if count("availableReplicas") > count("readyReplicas") {
        let available = status.get("availableReplicas");
        errors.push(available.invalid("cannot be greater than readyReplicas"));
    }
}

/// What is wrong with a collision count, which only grows.
pub(super) fn collisions(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let name = "collisionCount";
    let (new, old) = (new.get(name), old.get(name));
    checks::non_negative(&new, errors);
    if old
        .int()
        .is_some_and(|before| new.int().is_none_or(|now| now < before))
    {
        errors.push(new.invalid("cannot be decremented"));
    }
}

/// A count or a percentage of the whole (`ValidatePositiveIntOrPercent`).
pub(super) fn count_or_percent(field: &Field<'_>, errors: &mut Errors) {
    match field.value() {
        Value::String(text) if percent(text).is_none() => {
            let words = "a valid percent string must be a numeric string followed by an ending '%' \
                         (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";
            errors.push(field.invalid(words));
        }
        Value::Number(_) => checks::non_negative(field, errors),
        _ => {}
    }
}

/// A percentage of the whole that is not more than it.
pub(super) fn at_most_all(field: &Field<'_>, errors: &mut Errors) {
    if percent(field.str()).is_some_and(|percent| percent > 100) {
        errors.push(field.invalid("must not be greater than 100%"));
    }
}

/// Whether the field means none: `0` or `0%`.
pub(super) fn is_none(field: &Field<'_>) -> bool {
    field.int() == Some(0) || percent(field.str()) == Some(0)
}

fn percent(text: &str) -> Option<u32> {
    let digits = text.strip_suffix('%')?;
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}

/// The columns of the containers in a workload's template.
pub(super) fn template_columns() -> [Column; 2] {
    [
        Column::wide("Containers", "string"),
        Column::wide("Images", "string"),
    ]
}

/// The cells of the containers in a workload's template.
pub(super) fn template_cells(object: &Value) -> [Value; 2] {
    let containers = items(object, "/spec/template/spec/containers");
    let joined =
        |pointer: &str| cells::joined(containers, |container| cells::text(container, pointer));
    [joined("/name").into(), joined("/image").into()]
}

/// The selector of a workload, as `a=b`.
pub(super) fn selector_cell(object: &Value) -> Value {
    let selector = &object["spec"]["selector"];
    let path = crate::field::Path::root("spec").child("selector");
    match Selector::from_object(selector, &path) {
        Ok(selector) => cells::or_none(&selector.to_string()).into(),
        Err(_) => "<error>".into(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::words;

    #[test]
    fn percentages() {
        assert_eq!(percent("25%"), Some(25));
        for text in ["25", "%", "-1%", "1.5%", ""] {
            assert_eq!(percent(text), None, "{text}");
        }
        let wrong = |value: Value| {
            let mut errors = Errors::new();
            count_or_percent(&Field::root(&json!({"x": value})).get("x"), &mut errors);
            errors.len()
        };
        assert_eq!(
            [json!(1), json!("10%"), json!(-1), json!("ten")].map(wrong),
            [0, 0, 1, 1]
        );
    }

    #[test]
    fn counts_of_a_status() {
        let status = json!({"replicas": 1, "readyReplicas": 1, "availableReplicas": 2});
        let mut errors = Errors::new();
        counts(
            &Field::root(&status),
            &["readyReplicas", "availableReplicas"],
            &mut errors,
        );
        let expected = [
            "availableReplicas: Invalid value: 2: cannot be greater than status.replicas",
            "availableReplicas: Invalid value: 2: cannot be greater than readyReplicas",
        ];
        assert_eq!(words(&errors), expected);
    }
}
