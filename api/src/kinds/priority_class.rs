//! PriorityClasses.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::{number, or_none, text};
use super::common::defaults::default_to;
use super::common::{Field, cells, checks, describe, same};
use crate::field::{Error, Errors, Path};
use crate::{Column, Descriptor, Strategy, metadata};

/// The classes that every cluster has, with their values.
pub const SYSTEM_PRIORITY_CLASSES: [(&str, i64); 2] = [
    ("system-cluster-critical", 2_000_000_000),
    ("system-node-critical", 2_000_001_000),
];
/// The prefix of names that only the system may use.
const SYSTEM_PREFIX: &str = "system-";
/// The highest value of a class that a user makes.
const MAX_USER_VALUE: i64 = 1_000_000_000;
const POLICIES: [&str; 2] = ["Never", "PreemptLowerPriority"];

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("pc"),
        ..describe::cluster(
            describe::SCHEDULING,
            "PriorityClass",
            "priorityclasses",
            PriorityClass,
        )
    }
}

pub(super) struct PriorityClass;

impl Strategy for PriorityClass {
    fn default(&self, class: &mut Value) {
        default_to(class, "preemptionPolicy", "PreemptLowerPriority");
    }

    fn validate(&self, object: &Value) -> Errors {
        let mut errors = Errors::new();
        let class = Field::root(object);
        let value = class.get("value");
        if metadata::name(object).starts_with(SYSTEM_PREFIX) {
            if let Some(why) = unlike_system_class(object) {
                let words = format!(
                    "priority class names with '{SYSTEM_PREFIX}' prefix are reserved for system use only. error: {why}"
                );
                errors.push(Error::forbidden(
                    &Path::root("metadata").child("name"),
                    words,
                ));
            }
        } else if value.int().is_some_and(|value| value > MAX_USER_VALUE) {
            errors.push(value.forbidden(format!(
                "maximum allowed value of a user defined priority is {MAX_USER_VALUE}"
            )));
        }
        checks::one_of_if_set(&class.get("preemptionPolicy"), &POLICIES, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new), Field::root(old));
        if !same(new.get("value").value(), old.get("value").value()) {
            let words = "may not be changed in an update.";
            errors.push(new.get("value").forbidden(words));
        }
        let policy = "preemptionPolicy";
        checks::immutable(&new.get(policy), &old.get(policy), &mut errors);
        errors
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Value", "integer"),
            Column::new("Global-Default", "boolean"),
            cells::age_column(),
            Column::new("PreemptionPolicy", "string"),
        ]
    }

    fn cells(&self, class: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(class),
            number(class, "/value").into(),
            (class["globalDefault"] == true).into(),
            cells::age(class, now),
            or_none(text(class, "/preemptionPolicy")).into(),
        ]
    }
}

/// Why a class is not the one of the system that has its name.
fn unlike_system_class(class: &Value) -> Option<String> {
    let name = metadata::name(class);
    let known = SYSTEM_PRIORITY_CLASSES
        .iter()
        .find(|(known, _)| *known == name);
    let Some((_, value)) = known else {
        return Some(format!("{name} is not a known system priority class"));
    };
    if number(class, "/value") != *value {
        return Some(format!("value of {name} PriorityClass must be {value}"));
    }
    (class["globalDefault"] == true)
        .then(|| format!("globalDefault of {name} PriorityClass must be false"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn class(name: &str, value: i64) -> Value {
        json!({"metadata": {"name": name, "creationTimestamp": "2026-01-01T00:00:00Z"}, "value": value})
    }

    #[test]
    fn a_class_in_the_list() {
        let row = [
            ("Name", json!("high")),
            ("Value", json!(1000)),
            ("Global-Default", json!(false)),
            ("Age", json!("5m")),
            ("PreemptionPolicy", json!("PreemptLowerPriority")),
        ];
        let class = created(&PriorityClass, &class("high", 1000));
        assert_row(&PriorityClass, &class, &row);
    }

    #[test]
    fn high_values_and_system_names_are_the_systems() {
        let reserved = "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";
        let cases = [
            (class("high", 1_000_000_000), None),
            (class("system-node-critical", 2_000_001_000), None),
            (
                class("high", 1_000_000_001),
                Some("value: Forbidden: maximum allowed value of a user defined priority is 1000000000".to_owned()),
            ),
            (
                class("system-mine", 1),
                Some(format!("{reserved}system-mine is not a known system priority class")),
            ),
            (
                class("system-node-critical", 1),
                Some(format!("{reserved}value of system-node-critical PriorityClass must be 2000001000")),
            ),
        ];
        for (class, expected) in cases {
            assert_eq!(
                create_errors(&PriorityClass, &class),
                Vec::from_iter(expected)
            );
        }
        assert_eq!(
            update_errors(&PriorityClass, &class("a", 1), &class("a", 2)),
            ["value: Forbidden: may not be changed in an update."]
        );
    }
}
