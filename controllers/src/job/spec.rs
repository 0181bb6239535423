//! What a Job asks for, with the defaults of the API.

use k8s_openapi::api::batch::v1::{Job, JobSpec};

fn spec(job: &Job) -> Option<&JobSpec> {
    job.spec.as_ref()
}

/// How many Pods may run at a time.
pub(super) fn parallelism(job: &Job) -> usize {
    let parallelism = spec(job).and_then(|spec| spec.parallelism).unwrap_or(1);
    usize::try_from(parallelism).unwrap_or(0)
}

/// How many Pods must succeed; without a number, one success is enough.
pub(super) fn completions(job: &Job) -> Option<u32> {
    let completions = spec(job).and_then(|spec| spec.completions)?;
    Some(u32::try_from(completions).unwrap_or(0))
}

/// Whether each completion has an index.
pub(super) fn is_indexed(job: &Job) -> bool {
    spec(job).and_then(|spec| spec.completion_mode.as_deref()) == Some("Indexed")
}

/// Whether no Pod is to run.
pub(super) fn is_suspended(job: &Job) -> bool {
    spec(job).and_then(|spec| spec.suspend) == Some(true)
}

/// How many Pods may fail.
pub(super) fn backoff_limit(job: &Job) -> i32 {
    spec(job).and_then(|spec| spec.backoff_limit).unwrap_or(6)
}

/// How often each index may fail, if indexes fail by themselves.
pub(super) fn backoff_limit_per_index(job: &Job) -> Option<u32> {
    let limit = spec(job).and_then(|spec| spec.backoff_limit_per_index)?;
    Some(u32::try_from(limit).unwrap_or(0))
}

/// How many indexes may fail.
pub(super) fn max_failed_indexes(job: &Job) -> Option<usize> {
    let most = spec(job).and_then(|spec| spec.max_failed_indexes)?;
    Some(usize::try_from(most).unwrap_or(0))
}

/// How long it may run, in seconds.
pub(super) fn active_deadline_seconds(job: &Job) -> Option<i64> {
    spec(job).and_then(|spec| spec.active_deadline_seconds)
}

/// Whether a Pod that is being deleted is replaced only when it has ended.
pub(super) fn replaces_only_ended(job: &Job) -> bool {
    spec(job).and_then(|spec| spec.pod_replacement_policy.as_deref()) == Some("Failed")
}

/// Whether containers that fail are restarted within their Pod.
pub(super) fn restarts_on_failure(job: &Job) -> bool {
    let pod = spec(job).and_then(|spec| spec.template.spec.as_ref());
    pod.and_then(|pod| pod.restart_policy.as_deref()) == Some("OnFailure")
}

/// Whether this controller is the one that looks after the Job (batch/v1 `JobSpec.managedBy`).
pub(super) fn is_ours(job: &Job) -> bool {
    let manager = spec(job).and_then(|spec| spec.managed_by.as_deref());
    manager.is_none_or(|manager| manager == "kubernetes.io/job-controller")
}
