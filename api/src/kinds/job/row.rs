//! The cells of a Job in `kubectl get`.

use jiff::Timestamp;
use serde_json::Value;

use crate::human_duration;
use crate::kinds::common::cells::{items, number, text};

/// Whether a condition holds.
pub(super) fn has(job: &Value, condition: &str) -> bool {
    let mut conditions = items(job, "/status/conditions").iter();
    conditions.any(|one| one["type"] == condition && one["status"] == "True")
}

/// One word for where the Job is.
pub(super) fn status(job: &Value) -> &'static str {
    let deleting = !job["metadata"]["deletionTimestamp"].is_null();
    match () {
        () if has(job, "Complete") => "Complete",
        () if has(job, "Failed") => "Failed",
        () if deleting => "Terminating",
        () if has(job, "Suspended") => "Suspended",
        () if has(job, "FailureTarget") => "FailureTarget",
        () if has(job, "SuccessCriteriaMet") => "SuccessCriteriaMet",
        () => "Running",
    }
}

/// `2/5`; without a number of completions `1/1 of 3`, for the first of three will do.
pub(super) fn completions(job: &Value) -> String {
    let succeeded = number(job, "/status/succeeded");
    let parallelism = number(job, "/spec/parallelism");
    match job["spec"]["completions"].as_i64() {
        Some(wanted) => format!("{succeeded}/{wanted}"),
        None if parallelism > 1 => format!("{succeeded}/1 of {parallelism}"),
        None => format!("{succeeded}/1"),
    }
}

/// From the start to the end, or until now.
pub(super) fn duration(job: &Value, now: Timestamp) -> String {
    let time = |pointer: &str| text(job, pointer).parse::<Timestamp>().ok();
    let Some(start) = time("/status/startTime") else {
        return String::new();
    };
    let end = time("/status/completionTime").unwrap_or(now);
    human_duration(end.duration_since(start))
}
