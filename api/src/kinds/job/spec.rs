//! What is wrong with a JobSpec (`ValidateJobSpec`).

use serde_json::Value;

use super::{is_indexed, policies};
use crate::field::{Error, Errors, Path};
use crate::kinds::common::{Field, checks};
use crate::kinds::pod_spec;
use crate::{Selector, metadata, names};

/// The most Pods at a time, and the most failed indexes, of an Indexed Job (`maxParallelismForIndexedJob`).
const INDEXED_MAX: i64 = 100_000;
/// Above `INDEXED_MAX` completions, limits a index allow that many at a time.
const MANY_INDEXES_MAX: i64 = 10_000;

/// A Job's spec.
pub(super) fn validate(spec: &Field<'_>, errors: &mut Errors) {
    validate_shared(spec, errors);
    let selector = spec.get("selector");
    if !selector.is_set() {
        errors.push(selector.required(""));
        return;
    }
    checks::label_selector(&selector, errors);
    let labels = spec.get("template").get("metadata").get("labels");
    if let Ok(parsed) = Selector::from_object(selector.value(), selector.path())
        && !parsed.matches(&labels.value().as_object())
    {
        errors.push(labels.invalid("`selector` does not match template `labels`"));
    }
}

/// The spec of Jobs that a CronJob makes, whose selectors are made later.
pub(in crate::kinds) fn validate_template(spec: &Field<'_>, errors: &mut Errors) {
    let manual = spec.get("manualSelector");
    if manual.is_true() {
        errors.push(manual.not_supported(&["nil", "false"]));
    }
    let selector = spec.get("selector");
    if selector.is_set() {
        errors.push(selector.invalid("`selector` will be auto-generated"));
    }
    validate_shared(spec, errors);
}

fn validate_shared(spec: &Field<'_>, errors: &mut Errors) {
    let counts = [
        "parallelism",
        "completions",
        "activeDeadlineSeconds",
        "backoffLimit",
        "ttlSecondsAfterFinished",
        "backoffLimitPerIndex",
        "maxFailedIndexes",
    ];
    checks::all_non_negative(spec, &counts, errors);
    completion_mode(spec, errors);
    managed_by(&spec.get("managedBy"), errors);
    let (failure, success) = (spec.get("podFailurePolicy"), spec.get("successPolicy"));
    if failure.is_set() {
        policies::failure(spec, &failure, errors);
    }
    if success.is_set() {
        policies::success(spec, &success, errors);
    }
    replacement(spec, errors);
    template(spec, errors);
}

fn completion_mode(spec: &Field<'_>, errors: &mut Errors) {
    let mode = spec.get("completionMode");
    let (per_index, most_failed) = (
        spec.get("backoffLimitPerIndex"),
        spec.get("maxFailedIndexes"),
    );
    if mode.is_set() {
        checks::one_of(&mode, &["Indexed", "NonIndexed"], errors);
    }
    if most_failed.is_set() && !per_index.is_set() {
        errors.push(per_index.required("when maxFailedIndexes is specified"));
    }
    if is_indexed(spec) {
        indexed(spec, errors);
        return;
    }
    for field in [per_index, most_failed] {
        if field.is_set() {
            errors.push(field.invalid("requires indexed completion mode"));
        }
    }
}

fn indexed(spec: &Field<'_>, errors: &mut Errors) {
    let (completions, parallelism) = (spec.get("completions"), spec.get("parallelism"));
    let most_failed = spec.get("maxFailedIndexes");
    if !completions.is_set() {
        errors.push(completions.required("when completion mode is Indexed"));
    }
    if parallelism.int().is_some_and(|count| count > INDEXED_MAX) {
        let words =
            format!("must be less than or equal to {INDEXED_MAX} when completion mode is Indexed");
        errors.push(parallelism.invalid(words));
    }
    let wanted = completions.int().unwrap_or_default();
    if most_failed.int().is_some_and(|count| count > wanted) {
        errors.push(most_failed.invalid("must be less than or equal to completions"));
    }
    if most_failed.int().is_some_and(|count| count > INDEXED_MAX) {
        errors.push(most_failed.invalid(format!("must be less than or equal to {INDEXED_MAX}")));
    }
    if wanted > INDEXED_MAX && spec.get("backoffLimitPerIndex").is_set() {
        let above = format!(
            "when completions are above {INDEXED_MAX} and used with backoff limit per index"
        );
        if !most_failed.is_set() {
            errors.push(most_failed.required(&format!("must be specified {above}")));
        }
        for field in [parallelism, most_failed] {
            if field.int().is_some_and(|count| count > MANY_INDEXES_MAX) {
                let words = format!("must be less than or equal to {MANY_INDEXES_MAX} {above}");
                errors.push(field.invalid(words));
            }
        }
    }
}

fn managed_by(field: &Field<'_>, errors: &mut Errors) {
    const MAX: usize = 63;
    if !field.is_set() {
        return;
    }
    match field.str().split_once('/') {
        Some((domain, path)) if !path.is_empty() => {
            let wrong = names::dns_subdomain(domain);
            errors.extend(field.invalid_each(wrong));
        }
        _ => errors.push(field.invalid("must be a domain-prefixed path (such as \"acme.io/foo\")")),
    }
    if field.str().len() > MAX {
        errors.push(Error::too_long(field.path(), MAX));
    }
}

fn replacement(spec: &Field<'_>, errors: &mut Errors) {
    let policy = spec.get("podReplacementPolicy");
    let known: &[&str] = match spec.get("podFailurePolicy").is_set() {
        true => &["Failed"],
        false => &["Failed", "TerminatingOrFailed"],
    };
    checks::one_of_if_set(&policy, known, errors);
}

fn template(spec: &Field<'_>, errors: &mut Errors) {
    let template = spec.get("template");
    pod_spec::validate_job_template(&template, &[], errors);
    let restart = template.get("spec").get("restartPolicy");
    match restart.str() {
        "OnFailure" | "Never" => {}
        "Always" | "" => {
            errors.push(restart.required("valid values: \"OnFailure\", \"Never\""));
        }
        _ => errors.push(restart.not_supported(&["OnFailure", "Never"])),
    }
}

/// An Indexed Job appends the index to its name to name its Pods' hosts.
pub(super) fn host_name(job: &Value, errors: &mut Errors) {
    let spec = Field::root(job).get("spec");
    let completions = spec.get("completions").int().unwrap_or_default();
    if !is_indexed(&spec) || completions <= 0 {
        return;
    }
    let name = metadata::name(job);
    let longest = format!("{name}-{}", completions - 1);
    if !names::dns_label(&longest).is_empty() {
        let path = Path::root("metadata").child("name");
        let words = format!("will not able to create pod with invalid DNS label: {longest}");
        errors.push(Error::invalid(&path, name, words));
    }
}
