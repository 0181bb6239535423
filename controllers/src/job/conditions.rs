//! The conditions of a Job: first what it is about to end with (`FailureTarget`, `SuccessCriteriaMet`), and, when all
//! its Pods have ended and are counted, that it has (`Failed`, `Complete`) (KEP-3939, KEP-3998).

use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobCondition};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

/// What a Job ends with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// It has failed.
    Failure(Cause),
    /// It has succeeded.
    Success(Cause),
}

/// Why a Job ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cause {
    /// Such as `BackoffLimitExceeded`.
    pub(super) reason: String,
    /// For people.
    pub(super) message: String,
}

impl Target {
    /// The condition that announces the end, and the one that says it.
    pub(super) fn types(&self) -> (&'static str, &'static str) {
        match self {
            Self::Failure(_) => ("FailureTarget", "Failed"),
            Self::Success(_) => ("SuccessCriteriaMet", "Complete"),
        }
    }

    /// Why.
    pub(super) fn cause(&self) -> &Cause {
        match self {
            Self::Failure(cause) | Self::Success(cause) => cause,
        }
    }
}

fn of<'a>(job: &'a Job, type_: &str) -> Option<&'a JobCondition> {
    let conditions = job.status.as_ref()?.conditions.as_ref()?;
    conditions.iter().find(|one| one.type_ == type_)
}

/// Whether a condition holds.
pub(crate) fn is_true(job: &Job, type_: &str) -> bool {
    of(job, type_).is_some_and(|one| one.status == "True")
}

/// Whether the Job has ended.
pub(crate) fn is_finished(job: &Job) -> bool {
    is_true(job, "Complete") || is_true(job, "Failed")
}

/// When the Job ended.
pub(crate) fn finished_at(job: &Job) -> Option<Timestamp> {
    let ended = ["Complete", "Failed"]
        .into_iter()
        .filter_map(|type_| of(job, type_));
    let condition = ended.into_iter().find(|one| one.status == "True")?;
    condition.last_transition_time.as_ref().map(|time| time.0)
}

/// What the Job is about to end with, as its status says.
pub(super) fn target(job: &Job) -> Option<Target> {
    let cause = |type_: &str| {
        let condition = of(job, type_).filter(|one| one.status == "True")?;
        Some(Cause {
            reason: condition.reason.clone().unwrap_or_default(),
            message: condition.message.clone().unwrap_or_default(),
        })
    };
    let failure = cause("FailureTarget").map(Target::Failure);
    failure.or_else(|| cause("SuccessCriteriaMet").map(Target::Success))
}

/// Sets a condition; says whether it changed.
pub(super) fn set(
    conditions: &mut Vec<JobCondition>,
    type_: &str,
    status: bool,
    cause: &Cause,
    now: Timestamp,
) -> bool {
    let status = if status { "True" } else { "False" };
    let known = conditions.iter().position(|one| one.type_ == type_);
    if known.is_some_and(|at| conditions[at].status == status) {
        return false;
    }
    let condition = JobCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(cause.reason.clone()),
        message: Some(cause.message.clone()),
        last_probe_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    };
    match known {
        Some(at) => conditions[at] = condition,
        None => conditions.push(condition),
    }
    true
}
