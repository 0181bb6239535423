//! What to do next for a CronJob.

use std::sync::Arc;
use std::time::Duration;

use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::{CronJob, CronJobSpec, CronJobStatus, Job};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;
use skiff_client::EventType::{self, Normal, Warning};

use super::job;
use super::schedule::{Schedule, Unusable};
use crate::job::{is_finished, is_true};
use crate::ownership::uid_of;

/// What is seen.
pub(super) struct Seen<'a> {
    pub(super) cron_job: &'a CronJob,
    /// All Jobs that it controls.
    pub(super) jobs: &'a [Arc<Job>],
    pub(super) now: Timestamp,
}

/// Something to tell users.
pub(super) type Words = (EventType, &'static str, String);

/// What to do, in this order.
#[derive(Default)]
pub(super) struct Plan {
    /// Jobs to delete: those that ended long ago, and those that a new one replaces.
    pub(super) delete: Vec<Arc<Job>>,
    /// The time whose Job is to be started.
    pub(super) start: Option<(Timestamp, TimeZone)>,
    /// The status to write; the Job that is started is not in it yet.
    pub(super) status: CronJobStatus,
    pub(super) tell: Vec<Words>,
    /// When to look again.
    pub(super) again: Option<Duration>,
}

/// Plans the next step.
pub(super) fn plan(seen: &Seen<'_>) -> Plan {
    let mut plan = Plan {
        status: seen.cron_job.status.clone().unwrap_or_default(),
        ..Plan::default()
    };
    let spec = &seen.cron_job.spec;
    forget_old(seen, spec, &mut plan);
    look_at_jobs(seen, &mut plan);
    let stays = seen.cron_job.metadata.deletion_timestamp.is_none();
    if stays && spec.suspend != Some(true) {
        match Schedule::of(seen.cron_job) {
            Ok(schedule) => start(seen, spec, &schedule, &mut plan),
            Err(wrong) => plan.tell.push(complaint(spec, &wrong)),
        }
    }
    plan
}

fn complaint(spec: &CronJobSpec, wrong: &Unusable) -> Words {
    match wrong {
        Unusable::Zone(why) => {
            let zone = spec.time_zone.as_deref().unwrap_or_default();
            (
                Warning,
                "UnknownTimeZone",
                format!("invalid timeZone: {zone:?}: {why}"),
            )
        }
        Unusable::Schedule(why) => {
            let schedule = &spec.schedule;
            (
                Warning,
                "UnparseableSchedule",
                format!("unparseable schedule: {schedule:?} : {why}"),
            )
        }
    }
}

/// Jobs beyond the limits of history go, the oldest first.
fn forget_old(seen: &Seen<'_>, spec: &CronJobSpec, plan: &mut Plan) {
    let kinds = [
        ("Complete", spec.successful_jobs_history_limit),
        ("Failed", spec.failed_jobs_history_limit),
    ];
    for (condition, limit) in kinds {
        let Some(limit) = limit.and_then(|limit| usize::try_from(limit).ok()) else {
            continue;
        };
        let ended =
            |job: &&Arc<Job>| is_true(job, condition) && job.metadata.deletion_timestamp.is_none();
        let mut jobs: Vec<_> = seen.jobs.iter().filter(ended).cloned().collect();
        jobs.sort_by_key(|job| {
            let started = job
                .status
                .as_ref()
                .and_then(|status| status.start_time.as_ref());
            (started.map(|time| time.0), job.name_any())
        });
        let surplus = jobs.len().saturating_sub(limit);
        plan.delete.extend(jobs.into_iter().take(surplus));
    }
}

/// Brings the list of active Jobs up to date.
fn look_at_jobs(seen: &Seen<'_>, plan: &mut Plan) {
    let mut active = plan.status.active.take().unwrap_or_default();
    for job in seen.jobs {
        let name = job.name_any();
        let position = active
            .iter()
            .position(|known| known.uid.as_deref() == Some(uid_of(&**job)));
        match (position, is_finished(job)) {
            (None, false) => {
                let words =
                    format!("Saw a job that the controller did not create or forgot: {name}");
                plan.tell.push((Warning, "UnexpectedJob", words));
            }
            (Some(at), true) => {
                active.remove(at);
                let how = if is_true(job, "Complete") {
                    "Complete"
                } else {
                    "Failed"
                };
                let words = format!("Saw completed job: {name}, condition: {how}");
                plan.tell.push((Normal, "SawCompletedJob", words));
            }
            _ => {}
        }
        let completed = job
            .status
            .as_ref()
            .and_then(|status| status.completion_time.clone());
        if is_true(job, "Complete") && completed > plan.status.last_successful_time {
            plan.status.last_successful_time = completed;
        }
    }
    active.retain(|known| {
        let is_there = seen
            .jobs
            .iter()
            .any(|job| known.uid.as_deref() == Some(uid_of(&**job)));
        if !is_there {
            let name = known.name.as_deref().unwrap_or_default();
            plan.tell.push((
                Normal,
                "MissingJob",
                format!("Active job went missing: {name}"),
            ));
        }
        is_there
    });
    plan.status.active = (!active.is_empty()).then_some(active);
}

/// Starts what is due, if policy and deadline let it.
fn start(seen: &Seen<'_>, spec: &CronJobSpec, schedule: &Schedule, plan: &mut Plan) {
    let due = schedule.due(seen.cron_job, seen.now);
    plan.again = due.next;
    if let Some(missed) = due.many_missed {
        let words = format!(
            "too many missed start times: {missed}. Set or decrease .spec.startingDeadlineSeconds or check clock skew"
        );
        plan.tell.push((Warning, "TooManyMissedTimes", words));
    }
    let Some(time) = due.time else { return };
    if is_too_late(spec, time, seen.now) {
        let shown = strtime::format("%a, %d %b %Y %H:%M:%S +0000", time).unwrap_or_default();
        let words = format!("Missed scheduled time to start a job: {shown}");
        plan.tell.push((Warning, "MissSchedule", words));
        return;
    }
    let active = plan.status.active.clone().unwrap_or_default();
    let name = job::name(seen.cron_job, time);
    if active
        .iter()
        .any(|known| known.name.as_deref() == Some(&name))
    {
        return;
    }
    match spec.concurrency_policy.as_deref() {
        Some("Forbid") if !active.is_empty() => {
            let words = "Not starting job because prior execution is running and concurrency policy is Forbid";
            plan.tell
                .push((Normal, "JobAlreadyActive", words.to_owned()));
            return;
        }
        Some("Replace") => {
            let is_active = |job: &&Arc<Job>| {
                active
                    .iter()
                    .any(|known| known.uid.as_deref() == Some(uid_of(&***job)))
            };
            plan.delete
                .extend(seen.jobs.iter().filter(is_active).cloned());
            plan.status.active = None;
        }
        _ => {}
    }
    plan.start = Some((time, schedule.zone.clone()));
}

fn is_too_late(spec: &CronJobSpec, time: Timestamp, now: Timestamp) -> bool {
    let deadline = spec
        .starting_deadline_seconds
        .map(SignedDuration::from_secs);
    deadline.is_some_and(|deadline| time.checked_add(deadline).is_ok_and(|latest| latest < now))
}

/// The status when a Job has been started for a time.
pub(super) fn started(mut status: CronJobStatus, job: &Job, time: Timestamp) -> CronJobStatus {
    status
        .active
        .get_or_insert_default()
        .push(job::reference(job));
    status.last_schedule_time = Some(Time(time));
    status
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn job(text: &str) -> Arc<Job> {
        let (name, condition) = text.split_once(' ').unwrap();
        Arc::new(
            serde_json::from_value(json!({
                "metadata": {"name": name, "uid": name},
                "status": {"startTime": "2026-01-01T00:00:00Z", "completionTime": "2026-01-01T00:00:09Z",
                    "conditions": [{"type": condition, "status": "True"}]},
            }))
            .unwrap(),
        )
    }

    fn planned(spec: Value, active: &[&str], jobs: &[&str]) -> Plan {
        let mut cron_job = json!({
            "metadata": {"name": "hello", "creationTimestamp": "2026-01-01T00:00:30Z"},
            "spec": {"schedule": "* * * * *", "timeZone": "UTC", "jobTemplate": {}},
            "status": {"active": active.iter().map(|name| json!({"name": name, "uid": name})).collect::<Vec<_>>()},
        });
        for (key, value) in spec.as_object().unwrap() {
            cron_job["spec"][key] = value.clone();
        }
        let jobs: Vec<_> = jobs.iter().map(|text| job(text)).collect();
        plan(&Seen {
            cron_job: &serde_json::from_value(cron_job).unwrap(),
            jobs: &jobs,
            now: "2026-01-01T00:01:10Z".parse().unwrap(),
        })
    }

    fn shown(plan: &Plan) -> String {
        let mut words: Vec<String> = plan
            .delete
            .iter()
            .map(|job| format!("delete {}", job.name_any()))
            .collect();
        words.extend(plan.start.iter().map(|(time, _)| format!("start {time}")));
        words.extend(plan.tell.iter().map(|(_, reason, _)| (*reason).to_owned()));
        words.join(", ")
    }

    #[test]
    fn policies_say_whether_a_job_starts_beside_another() {
        let start = "start 2026-01-01T00:01:00Z";
        let policy = |policy: &str| json!({"concurrencyPolicy": policy});
        let cases: [(Value, &[&str], &[&str], String); 8] = [
            (json!({}), &[], &[], start.to_owned()),
            (json!({"suspend": true}), &[], &[], String::new()),
            (
                json!({"timeZone": "Nowhere"}),
                &[],
                &[],
                "UnknownTimeZone".to_owned(),
            ),
            (policy("Allow"), &["a"], &["a Suspended"], start.to_owned()),
            (
                policy("Forbid"),
                &["a"],
                &["a Suspended"],
                "JobAlreadyActive".to_owned(),
            ),
            (
                policy("Forbid"),
                &["a"],
                &["a Complete"],
                format!("{start}, SawCompletedJob"),
            ),
            (
                policy("Replace"),
                &["a"],
                &["a Suspended"],
                format!("delete a, {start}"),
            ),
            (
                policy("Forbid"),
                &["a"],
                &[],
                format!("{start}, MissingJob"),
            ),
        ];
        for (spec, active, jobs, expected) in cases {
            assert_eq!(
                shown(&planned(spec.clone(), active, jobs)),
                expected,
                "{spec} {active:?} {jobs:?}"
            );
        }
    }

    #[test]
    fn history_is_limited() {
        let jobs = [
            "a Complete",
            "b Complete",
            "c Complete",
            "d Failed",
            "e Failed",
        ];
        let spec =
            json!({"suspend": true, "successfulJobsHistoryLimit": 1, "failedJobsHistoryLimit": 1});
        let plan = planned(spec, &[], &jobs);
        assert_eq!(shown(&plan), "delete a, delete b, delete d");
        assert_eq!(
            plan.status.last_successful_time.unwrap().0.to_string(),
            "2026-01-01T00:00:09Z"
        );
    }
}
