//! The labels that only the Pods of one Job have: a Job that names no selector gets one.

use serde_json::Value;

use crate::field::Errors;
use crate::kinds::common::Field;
use crate::kinds::common::defaults::{default_to, ensure};
use crate::{Selector, metadata};

const UID: &str = "batch.kubernetes.io/controller-uid";
const NAME: &str = "batch.kubernetes.io/job-name";
/// The labels of old, which tools still ask for.
const OLD_UID: &str = "controller-uid";
const OLD_NAME: &str = "job-name";

fn is_manual(job: &Value) -> bool {
    job["spec"]["manualSelector"] == true
}

/// Labels the template and selects by it, unless the user does so.
pub(super) fn generate(job: &mut Value) {
    if is_manual(job) {
        return;
    }
    let (uid, name) = (
        metadata::uid(job).to_owned(),
        metadata::name(job).to_owned(),
    );
    let Some(spec) = ensure(job, "spec") else {
        return;
    };
    let labels = ensure(spec, "template")
        .and_then(|template| ensure(template, "metadata"))
        .and_then(|metadata| ensure(metadata, "labels"));
    if let Some(labels) = labels {
        for (label, value) in [
            (OLD_NAME, &name),
            (NAME, &name),
            (OLD_UID, &uid),
            (UID, &uid),
        ] {
            default_to(labels, label, value.as_str());
        }
    }
    let labels = ensure(spec, "selector").and_then(|selector| ensure(selector, "matchLabels"));
    if let Some(labels) = labels {
        default_to(labels, UID, uid);
    }
}

/// What is wrong with a selector that should have been made for the Job (`ValidateGeneratedSelector`).
pub(super) fn validate(job: &Value, errors: &mut Errors) {
    let spec = Field::root(job).get("spec");
    let selector = spec.get("selector");
    if is_manual(job) || !selector.is_set() {
        return;
    }
    let (uid, name) = (metadata::uid(job), metadata::name(job));
    let labels = spec.get("template").get("metadata").get("labels");
    let expected = [(UID, uid), (NAME, name), (OLD_UID, uid), (OLD_NAME, name)];
    for (label, value) in expected {
        let labelled = labels.key(label);
        if !labelled.is_set() {
            errors.push(labelled.required(&format!("must be '{value}'")));
        } else if labelled.str() != value {
            errors.push(labelled.invalid(format!("must be '{value}'")));
        }
    }
    let expected: serde_json::Map<String, Value> = expected
        .iter()
        .map(|(label, value)| ((*label).to_owned(), (*value).into()))
        .collect();
    if let Ok(parsed) = Selector::from_object(selector.value(), selector.path())
        && !parsed.matches(&Some(&expected))
    {
        errors.push(selector.invalid("`selector` not auto-generated"));
    }
}
