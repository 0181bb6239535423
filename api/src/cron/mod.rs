//! Schedules of CronJobs, in the dialect of Kubernetes
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax>).
//!
//! In: `*/5 8-18 * * mon-fri`, `@hourly`, `@every 90m`, each with an optional `TZ=` in front. Out: the next time after
//! a time. The dialect, down to the words of its errors, is that of the parser that Kubernetes uses: five fields, day
//! of month or day of week, no day 7, `N/S` from N on.

mod field;
mod next;
mod parse;

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

use field::Bits;

/// Why a text is no schedule, in the words that users know.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct CronError(String);

/// A parsed schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CronSchedule {
    rule: Rule,
    zone: Option<TimeZone>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    /// Times of the clock that match.
    Clock(Box<Clock>),
    /// A fixed pause, of whole seconds and at least one.
    Every(Duration),
}

/// What each field lets through.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Clock {
    minute: Bits,
    hour: Bits,
    day_of_month: Bits,
    month: Bits,
    day_of_week: Bits,
}

impl CronSchedule {
    /// Parses a schedule.
    ///
    /// # Errors
    /// If it breaks the rules of the dialect, or names a time zone that the machine does not know.
    pub fn parse(text: &str) -> Result<Self, CronError> {
        parse::schedule(text)
    }

    /// The first time after `after` that matches, by the clock of the schedule's own zone or else of `zone`; none if
    /// there is none within five years, such as for the 31st of February.
    pub fn next_after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        let zone = self.zone.as_ref().unwrap_or(zone);
        next::next_after(&self.rule, after, zone)
    }
}

/// The time zone of that name in the machine's database.
///
/// # Errors
/// If there is none, or the name says `Local`, which is a different zone on each machine.
pub fn time_zone(name: &str) -> Result<TimeZone, CronError> {
    let unknown = || CronError(format!("unknown time zone {name}"));
    if name.is_empty() || name.starts_with(['/', '.']) {
        return Err(unknown());
    }
    TimeZone::get(name).map_err(|_| unknown())
}
