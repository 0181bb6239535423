//! Which time of a schedule is due.

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::CronJob;
use skiff_api::{CronError, CronSchedule, time_zone};

/// More missed times than that make users wonder.
const MANY_MISSED: i64 = 100;

/// A schedule and the clock it goes by.
pub(super) struct Schedule {
    times: CronSchedule,
    pub(super) zone: TimeZone,
}

/// What makes a CronJob unable to start anything.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// The machine does not know its time zone.
    Zone(CronError),
    /// Its schedule cannot be read.
    Schedule(CronError),
}

/// What is due.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The last time that has come and was not served yet.
    pub(super) time: Option<Timestamp>,
    /// Whether so many were missed that users should be told; how many.
    pub(super) many_missed: Option<i64>,
    /// How long until the next time.
    pub(super) next: Option<Duration>,
}

impl Schedule {
    /// The schedule of a CronJob. The clock of the machine that runs the controller counts if it names no time zone.
    pub(super) fn of(cron_job: &CronJob) -> Result<Self, Unusable> {
        let zone = match cron_job.spec.time_zone.as_deref() {
            Some(name) => time_zone(name).map_err(Unusable::Zone)?,
            None => TimeZone::system(),
        };
        let times = CronSchedule::parse(&cron_job.spec.schedule).map_err(Unusable::Schedule)?;
        Ok(Self { times, zone })
    }

    fn after(&self, time: Timestamp) -> Option<Timestamp> {
        self.times.next_after(time, &self.zone)
    }

    /// What is due at `now`.
    pub(super) fn due(&self, cron_job: &CronJob, now: Timestamp) -> Due {
        let since = earliest(cron_job, now);
        let (time, missed) = match since.and_then(|since| self.last_until(since, now)) {
            Some((time, missed)) => (Some(time), missed),
            None => (None, 0),
        };
        let next = self.after(now).map(|next| next.duration_since(now));
        Due {
            time,
            many_missed: (missed > MANY_MISSED).then_some(missed),
            next: next.and_then(|left| Duration::try_from(left).ok()),
        }
    }

    /// The last time after `since` and not after `now`, and about how many there were. It does not walk through all of
    /// them: a controller may have been away for long.
    fn last_until(&self, since: Timestamp, now: Timestamp) -> Option<(Timestamp, i64)> {
        let first = self.after(since).filter(|first| *first <= now)?;
        let Some(second) = self.after(first).filter(|second| *second <= now) else {
            return Some((first, 1));
        };
        let pause = second.duration_since(first).as_secs().max(1);
        let missed = now.duration_since(first).as_secs() / pause + 1;
        // One step further back, for schedules whose pauses differ.
        let skip = SignedDuration::from_secs(pause.checked_mul((missed - 2).max(0))?);
        let mut last = first;
        let mut time = first.checked_add(skip).ok()?.min(now);
        while let Some(later) = self.after(time).filter(|later| *later <= now) {
            last = later;
            time = later;
        }
        Some((last.max(second), missed))
    }
}

/// Times before that one count no more.
fn earliest(cron_job: &CronJob, now: Timestamp) -> Option<Timestamp> {
    let created = cron_job
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    let last = cron_job
        .status
        .as_ref()
        .and_then(|status| status.last_schedule_time.as_ref());
    let since = last.map(|time| time.0).or(created)?;
    let deadline = cron_job.spec.starting_deadline_seconds;
    let limit =
        deadline.and_then(|seconds| now.checked_sub(SignedDuration::from_secs(seconds)).ok());
    Some(limit.map_or(since, |limit| limit.max(since)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_last_time_that_has_come_is_due() {
        let due = |schedule: &str, last: Option<&str>, deadline: Option<i64>, now: &str| {
            let cron_job = serde_json::from_value(json!({
                "metadata": {"creationTimestamp": "2026-01-01T00:00:30Z"},
                "spec": {"schedule": schedule, "timeZone": "UTC", "startingDeadlineSeconds": deadline,
                    "jobTemplate": {}},
                "status": {"lastScheduleTime": last},
            }))
            .unwrap();
            let schedule = Schedule::of(&cron_job).unwrap_or_else(|wrong| panic!("{wrong:?}"));
            let due = schedule.due(&cron_job, now.parse().unwrap());
            (
                due.time.map(|time| time.to_string()),
                due.many_missed,
                due.next.map(|next| next.as_secs()),
            )
        };
        let at = |time: &str| Some(time.to_owned());
        let minutely = "* * * * *";
        assert_eq!(
            due(minutely, None, None, "2026-01-01T00:00:45Z"),
            (None, None, Some(15))
        );
        assert_eq!(
            due(minutely, None, None, "2026-01-01T00:01:00Z"),
            (at("2026-01-01T00:01:00Z"), None, Some(60))
        );
        assert_eq!(
            due(
                minutely,
                Some("2026-01-01T00:01:00Z"),
                None,
                "2026-01-01T00:01:10Z"
            ),
            (None, None, Some(50))
        );
        assert_eq!(
            due(minutely, None, None, "2026-01-01T01:00:30Z"),
            (at("2026-01-01T01:00:00Z"), None, Some(30))
        );
        assert_eq!(
            due(minutely, None, None, "2026-01-01T06:00:30Z"),
            (at("2026-01-01T06:00:00Z"), Some(360), Some(30))
        );
        assert_eq!(
            due(minutely, None, Some(20), "2026-01-01T06:00:30Z"),
            (None, None, Some(30)),
            "the deadline has passed"
        );
        // Pauses that differ: 6:30, 10:30, 14:30.
        assert_eq!(
            due("30 6-16/4 * * *", None, None, "2026-01-03T12:00:00Z"),
            (at("2026-01-03T10:30:00Z"), None, Some(9000))
        );
        assert_eq!(
            due(
                "@every 1h",
                Some("2026-01-01T00:10:00Z"),
                None,
                "2026-01-01T05:15:00Z"
            )
            .0,
            at("2026-01-01T05:10:00Z")
        );
    }
}
