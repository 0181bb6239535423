//! What of a Job may change (`ValidateJobSpecUpdate`).

use serde_json::Value;

use super::is_indexed;
use crate::field::Errors;
use crate::kinds::common::defaults::{each, ensure, existing};
use crate::kinds::common::{Field, checks, same};

const IMMUTABLE: [&str; 6] = [
    "selector",
    "completionMode",
    "podFailurePolicy",
    "backoffLimitPerIndex",
    "managedBy",
    "successPolicy",
];

/// What of a template decides where its Pods go, and may change until the first is made.
const SCHEDULING: [&str; 4] = ["affinity", "nodeSelector", "tolerations", "schedulingGates"];

/// What is wrong with the step from `old` to `new`.
pub(super) fn validate(new: &Value, old: &Value) -> Errors {
    let mut errors = Errors::new();
    let waits = old["spec"]["suspend"] == true && old["status"]["startTime"].is_null();
    let [new, old] = [new, old].map(|object| Field::root(object).get("spec"));
    completions(&new, &old, &mut errors);
    for name in IMMUTABLE {
        checks::immutable(&new.get(name), &old.get(name), &mut errors);
    }
    template(&new, &old, waits, &mut errors);
    errors
}

/// The size of an Indexed Job may change if then all its indexes run at a time (KEP-3715).
fn completions(new: &Field<'_>, old: &Field<'_>, errors: &mut Errors) {
    let field = new.get("completions");
    if !is_indexed(new) {
        checks::immutable(&field, &old.get("completions"), errors);
        return;
    }
    let changed = field.int() != old.get("completions").int();
    if changed && field.int() != new.get("parallelism").int() {
        let words = "can only be modified in tandem with spec.parallelism";
        errors.push(field.invalid(words));
    }
}

fn template(new: &Field<'_>, old: &Field<'_>, waits: bool, errors: &mut Errors) {
    let (new, old) = (new.get("template"), old.get("template"));
    let mut allowed = old.value().clone();
    if waits {
        take_over("spec", &SCHEDULING, new.value(), &mut allowed);
        take_over(
            "metadata",
            &["labels", "annotations"],
            new.value(),
            &mut allowed,
        );
        resources(&mut allowed, new.value());
    }
    if !same(new.value(), &allowed) {
        errors.push(new.invalid("field is immutable"));
    }
}

fn take_over(part: &str, names: &[&str], new: &Value, allowed: &mut Value) {
    if let Some(into) = ensure(allowed, part) {
        for name in names {
            into[*name] = new[part][*name].clone();
        }
    }
}

/// A suspended Job may ask for other resources (KEP-5440).
fn resources(allowed: &mut Value, new: &Value) {
    for list in ["containers", "initContainers"] {
        let Some(spec) = existing(allowed, "spec") else {
            return;
        };
        for (index, container) in each(spec, list).enumerate() {
            if container.is_object() {
                container["resources"] = new["spec"][list][index]["resources"].clone();
            }
        }
    }
}
