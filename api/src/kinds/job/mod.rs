//! Jobs: the kind, and the rules that CronJobs have for the Jobs they make.
//!
//! ```text
//!   Strategy ──► selector (labels of its own)    spec ──► policies (podFailurePolicy, successPolicy)
//!            └─► row (kubectl get)               update, status: what may change
//! ```

mod policies;
mod row;
mod selector;
mod spec;
mod status;
mod update;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::common::cells::{self, number};
use super::common::defaults::{default_to, each, ensure, existing};
use super::common::{Field, describe};
use super::{pod_spec, workload};
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy};

pub(super) use spec::validate_template;

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        categories: describe::all(),
        subresources: describe::status(),
        ..describe::namespaced(describe::BATCH, "Job", "jobs", Job)
    }
}

/// Whether each Pod of the Job has an index of its own.
fn is_indexed(spec: &Field<'_>) -> bool {
    spec.get("completionMode").str() == "Indexed"
}

pub(super) struct Job;

impl Strategy for Job {
    fn default(&self, job: &mut Value) {
        labels_from_template(job);
        let Some(spec) = ensure(job, "spec") else {
            return;
        };
        if spec["completions"].is_null() && spec["parallelism"].is_null() {
            default_to(spec, "completions", 1);
        }
        default_to(spec, "parallelism", 1);
        let per_index = !spec["backoffLimitPerIndex"].is_null();
        default_to(spec, "backoffLimit", if per_index { i32::MAX } else { 6 });
        default_to(spec, "completionMode", "NonIndexed");
        default_to(spec, "suspend", false);
        default_to(spec, "manualSelector", false);
        let has_policy = !spec["podFailurePolicy"].is_null();
        let replacement = if has_policy {
            "Failed"
        } else {
            "TerminatingOrFailed"
        };
        default_to(spec, "podReplacementPolicy", replacement);
        if let Some(policy) = existing(spec, "podFailurePolicy") {
            let patterns = each(policy, "rules").flat_map(|rule| each(rule, "onPodConditions"));
            patterns.for_each(|pattern| default_to(pattern, "status", "True"));
        }
        ensure(spec, "template").map(pod_spec::default_template);
    }

    fn prepare_create(&self, job: &mut Value) {
        if job.is_object() {
            job["status"] = json!({});
            selector::generate(job);
        }
    }

    fn validate(&self, job: &Value) -> Errors {
        let mut errors = Errors::new();
        selector::validate(job, &mut errors);
        spec::validate(&Field::root(job).get("spec"), &mut errors);
        spec::host_name(job, &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        update::validate(new, old)
    }

    fn validate_status(&self, new: &Value, old: &Value) -> Errors {
        status::validate(new, old)
    }

    fn warnings(&self, job: &Value) -> Vec<String> {
        let template = Field::root(job).get("spec").get("template");
        pod_spec::warnings(&template.get("spec"))
    }

    fn selectable_field(&self, job: &Value, field: &str) -> Option<String> {
        let succeeded = || number(job, "/status/succeeded").to_string();
        (field == "status.successful").then(succeeded)
    }

    fn columns(&self) -> Vec<Column> {
        let mut columns = vec![
            cells::name_column(),
            Column::new("Status", "string"),
            Column::new("Completions", "string"),
            Column::new("Duration", "string"),
            cells::age_column(),
        ];
        columns.extend(workload::template_columns());
        columns.push(Column::wide("Selector", "string"));
        columns
    }

    fn cells(&self, job: &Value, now: Timestamp) -> Vec<Value> {
        let mut cells = vec![
            cells::name(job),
            row::status(job).into(),
            row::completions(job).into(),
            row::duration(job, now).into(),
            cells::age(job, now),
        ];
        cells.extend(workload::template_cells(job));
        cells.push(workload::selector_cell(job));
        cells
    }
}

/// A workload without labels of its own takes those of its Pods.
pub(super) fn labels_from_template(object: &mut Value) {
    let labels = object["spec"]["template"]["metadata"]["labels"].clone();
    let has_none = object["metadata"]["labels"]
        .as_object()
        .is_none_or(serde_json::Map::is_empty);
    if has_none
        && labels.is_object()
        && let Some(metadata) = ensure(object, "metadata")
    {
        metadata["labels"] = labels;
    }
}

#[cfg(test)]
mod tests;
