//! Whether a Job has failed, or has succeeded.

use std::time::Duration;

use jiff::SignedDuration;
use k8s_openapi::api::batch::v1::Job;

use super::conditions::{self, Cause, Target};
use super::policy::{Consequence, consequence, succeeds_by};
use super::spec;
use super::tally::{Seen, Tally, has_failed};
use crate::pods::phase;

fn cause(reason: &str, message: impl Into<String>) -> Cause {
    Cause {
        reason: reason.to_owned(),
        message: message.into(),
    }
}

/// What the Job ends with; what its status says already, stays.
pub(super) fn verdict(seen: &Seen<'_>, tally: &Tally) -> Option<Target> {
    conditions::target(seen.job)
        .or_else(|| failure(seen, tally).map(Target::Failure))
        .or_else(|| {
            let message = succeeds_by(seen.job, &tally.succeeded_indexes)?;
            Some(Target::Success(cause("SuccessPolicy", message)))
        })
}

/// That all completions are reached.
pub(super) fn completed() -> Target {
    let message = "Reached expected number of succeeded pods";
    Target::Success(cause("CompletionsReached", message))
}

fn failure(seen: &Seen<'_>, tally: &Tally) -> Option<Cause> {
    let job = seen.job;
    let by_policy = seen
        .pods
        .iter()
        .filter(|pod| has_failed(job, pod))
        .find_map(|pod| match consequence(job, pod) {
            Consequence::FailJob(message) => Some(cause("PodFailurePolicy", message)),
            _ => None,
        });
    if by_policy.is_some() {
        return by_policy;
    }
    if tally.all_failed() > spec::backoff_limit(job) || restarts_exceed(seen, tally) {
        let message = "Job has reached the specified backoff limit";
        return Some(cause("BackoffLimitExceeded", message));
    }
    if deadline(seen).is_some_and(|left| left.is_zero()) {
        let message = "Job was active longer than specified deadline";
        return Some(cause("DeadlineExceeded", message));
    }
    failed_indexes(job, tally)
}

/// With `OnFailure`, restarts of containers are what counts as failures.
fn restarts_exceed(seen: &Seen<'_>, tally: &Tally) -> bool {
    if !spec::restarts_on_failure(seen.job) {
        return false;
    }
    let pods = tally
        .active
        .iter()
        .filter(|pod| matches!(phase(pod), "Running" | "Pending"));
    let statuses = pods
        .filter_map(|pod| pod.status.as_ref())
        .flat_map(|status| {
            let containers = status.container_statuses.iter().flatten();
            containers.chain(status.init_container_statuses.iter().flatten())
        });
    let restarts: i64 = statuses.map(|status| i64::from(status.restart_count)).sum();
    let limit = i64::from(spec::backoff_limit(seen.job));
    restarts > 0 && restarts >= limit
}

/// How long the Job may run still, if that is limited and it runs.
pub(super) fn deadline(seen: &Seen<'_>) -> Option<Duration> {
    let seconds = spec::active_deadline_seconds(seen.job)?;
    let started = seen.job.status.as_ref()?.start_time.as_ref()?.0;
    if spec::is_suspended(seen.job) {
        return None;
    }
    let until = started
        .checked_add(SignedDuration::from_secs(seconds))
        .ok()?;
    Some(Duration::try_from(until.duration_since(seen.now)).unwrap_or(Duration::ZERO))
}

fn failed_indexes(job: &Job, tally: &Tally) -> Option<Cause> {
    let failed = tally.failed_indexes.as_ref()?.count();
    if spec::max_failed_indexes(job).is_some_and(|most| failed > most) {
        let message = "Job has exceeded the specified maximal number of failed indexes";
        return Some(cause("MaxFailedIndexesExceeded", message));
    }
    let wanted = spec::completions(job)? as usize;
    let ended = failed + tally.succeeded_indexes.count();
    (failed > 0 && ended >= wanted).then(|| cause("FailedIndexes", "Job has failed indexes"))
}
