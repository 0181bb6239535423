//! What to do next for a Job.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::batch::v1::JobStatus;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::conditions::{self, Cause, Target};
use super::members::{self, Change};
use super::pod::NewPod;
use super::tally::{Seen, Tally, count};
use super::verdict::{completed, deadline, verdict};
use super::{conditions::is_finished, spec};
use crate::pods::is_ready;
use crate::writes::nonzero;

/// What to do, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Pods to delete without counting them.
    pub(super) drop: Vec<Arc<Pod>>,
    /// Pods to delete because the Job ends.
    pub(super) end: Vec<Arc<Pod>>,
    /// Pods to make.
    pub(super) create: Vec<NewPod>,
    /// The status to write; the Pods that are made count as active besides.
    pub(super) status: JobStatus,
    /// Pods that lose their finalizer when the status is written.
    pub(super) release: Vec<Arc<Pod>>,
    /// What to tell users when the status is written: whether it is a warning, reason, message.
    pub(super) tell: Vec<(bool, Cause)>,
    /// When to look again.
    pub(super) again: Option<Duration>,
}

/// Plans the next step; none for a Job that has ended.
pub(super) fn plan(seen: &Seen<'_>) -> Option<Plan> {
    if is_finished(seen.job) {
        return None;
    }
    let tally = Tally::of(seen);
    let target = verdict(seen, &tally);
    let deleting = seen.job.metadata.deletion_timestamp.is_some();
    let change = match target.is_none() && !deleting {
        true => members::change(seen, &tally),
        false => Change::default(),
    };
    let active = tally.active.len() - change.delete.len();
    let target = target.or_else(|| {
        let idle = active == 0 && change.create.is_empty();
        (idle && !deleting && is_complete(seen, &tally)).then(completed)
    });
    let leaves = |pod: &Arc<Pod>| {
        let mut deleted = change.delete.iter();
        target.is_some() || deleted.any(|one| Arc::ptr_eq(one, pod))
    };
    let staying = tally.active.iter().filter(|pod| !leaves(pod));
    let (left, ready) = staying.fold((0, 0), |(left, ready), pod| {
        (left + 1, ready + i32::from(is_ready(pod)))
    });
    let mut plan = Plan {
        end: match target {
            Some(_) => tally.active.clone(),
            None => Vec::new(),
        },
        drop: change.delete,
        create: change.create,
        again: soonest(change.again, deadline(seen).filter(|_| target.is_none())),
        release: tally.release.clone(),
        ..Plan::default()
    };
    plan.status = status(seen, &tally, target.as_ref(), &mut plan.tell);
    plan.status.active = nonzero(left);
    plan.status.ready = Some(ready);
    Some(plan)
}

fn soonest(a: Option<Duration>, b: Option<Duration>) -> Option<Duration> {
    a.into_iter().chain(b).min()
}

fn is_complete(seen: &Seen<'_>, tally: &Tally) -> bool {
    let succeeded = u32::try_from(tally.all_succeeded()).unwrap_or(0);
    match spec::completions(seen.job) {
        Some(wanted) => succeeded >= wanted,
        None => succeeded > 0,
    }
}

fn status(
    seen: &Seen<'_>,
    tally: &Tally,
    target: Option<&Target>,
    tell: &mut Vec<(bool, Cause)>,
) -> JobStatus {
    let mut status = seen.status();
    let suspended = spec::is_suspended(seen.job);
    if !suspended && status.start_time.is_none() {
        status.start_time = Some(Time(seen.now));
    }
    status.terminating = Some(count(tally.terminating.len()));
    status.succeeded = nonzero(tally.succeeded);
    status.failed = nonzero(tally.failed);
    status.uncounted_terminated_pods = Some(tally.uncounted.written());
    if spec::is_indexed(seen.job) {
        let indexes = tally.succeeded_indexes.to_string();
        status.completed_indexes = Some(indexes).filter(|text| !text.is_empty());
        // An empty text tells that indexes fail by themselves and none did.
        status.failed_indexes = tally.failed_indexes.as_ref().map(ToString::to_string);
    }
    let mut conditions = status.conditions.take().unwrap_or_default();
    match target {
        Some(target) => {
            let (announced, _) = target.types();
            conditions::set(&mut conditions, announced, true, target.cause(), seen.now);
        }
        None if suspended => {
            let cause = cause("JobSuspended", "Job suspended");
            if conditions::set(&mut conditions, "Suspended", true, &cause, seen.now) {
                tell.push((false, self::cause("Suspended", "Job suspended")));
            }
            status.start_time = None;
        }
        None if conditions::is_true(seen.job, "Suspended") => {
            let cause = cause("JobResumed", "Job resumed");
            conditions::set(&mut conditions, "Suspended", false, &cause, seen.now);
            tell.push((false, self::cause("Resumed", "Job resumed")));
            status.start_time = Some(Time(seen.now));
        }
        None => {}
    }
    status.conditions = (!conditions.is_empty()).then_some(conditions);
    // The announcement is in the status before the end is: all that ended in between is counted.
    if let Some(target) =
        target.filter(|target| conditions::target(seen.job).as_ref() == Some(target))
        && tally.active.is_empty()
        && tally.terminating.is_empty()
        && tally.uncounted.is_empty()
        && tally.release.is_empty()
    {
        finish(seen, target, &mut status, tell);
    }
    status
}

/// The Job has ended.
fn finish(seen: &Seen<'_>, target: &Target, status: &mut JobStatus, tell: &mut Vec<(bool, Cause)>) {
    let (_, ended) = target.types();
    let conditions = status.conditions.get_or_insert_default();
    conditions::set(conditions, ended, true, target.cause(), seen.now);
    status.uncounted_terminated_pods = Some(Default::default());
    // A suspended Job has ended if there is nothing to do.
    status.start_time.get_or_insert(Time(seen.now));
    match target {
        Target::Failure(cause) => tell.push((true, cause.clone())),
        Target::Success(_) => {
            status.completion_time = Some(Time(seen.now));
            tell.push((false, cause("Completed", "Job completed")));
        }
    }
}

fn cause(reason: &str, message: &str) -> Cause {
    Cause {
        reason: reason.to_owned(),
        message: message.to_owned(),
    }
}
