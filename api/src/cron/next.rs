//! The next time that a schedule names.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

use super::{Clock, Rule};

/// How far one looks ahead.
const YEARS: i16 = 5;

pub(super) fn next_after(rule: &Rule, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let second = Timestamp::from_second(after.as_second()).ok()?;
    match rule {
        Rule::Every(pause) => second
            .checked_add(SignedDuration::try_from(*pause).ok()?)
            .ok(),
        Rule::Clock(clock) => next_on_clock(clock, second, zone),
    }
}

/// Goes forward by the greatest unit that does not match. Hours and minutes are steps of real time, so hours that the
/// clock leaves out are left out, and those that it shows twice come twice.
fn next_on_clock(clock: &Clock, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
    let past = i64::from(after.to_zoned(zone.clone()).second());
    let mut time = after
        .checked_add(SignedDuration::from_secs(60 - past))
        .ok()?
        .to_zoned(zone.clone());
    let last_year = time.year() + YEARS;
    while time.year() <= last_year {
        if !clock.month.has(time.month()) {
            time = time.first_of_month().ok()?.checked_add(1.month()).ok()?;
            time = time.start_of_day().ok()?;
        } else if !clock.day_matches(&time) {
            time = time.tomorrow().ok()?.start_of_day().ok()?;
        } else if !clock.hour.has(time.hour()) {
            let left = 60 - i64::from(time.minute());
            time = time.checked_add(SignedDuration::from_mins(left)).ok()?;
        } else if !clock.minute.has(time.minute()) {
            time = time.checked_add(SignedDuration::from_mins(1)).ok()?;
        } else {
            return Some(time.timestamp());
        }
    }
    None
}

impl Clock {
    /// If both day fields say something, either will do (crontab(5)).
    fn day_matches(&self, time: &Zoned) -> bool {
        let of_month = self.day_of_month.has(time.day());
        let of_week = self.day_of_week.has(time.weekday().to_sunday_zero_offset());
        if self.day_of_month.star || self.day_of_week.star {
            of_month && of_week
        } else {
            of_month || of_week
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::CronSchedule;
    use crate::cron::time_zone;

    use super::*;

    fn next(schedule: &str, after: &str, zone: &TimeZone) -> String {
        let after: Timestamp = after.parse().unwrap();
        let next = CronSchedule::parse(schedule)
            .unwrap()
            .next_after(after, zone);
        next.map_or("never".to_owned(), |next| next.to_string())
    }

    #[test]
    fn the_next_time() {
        for (schedule, after, expected) in [
            ("* * * * *", "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"),
            (
                "* * * * *",
                "2026-01-01T00:00:59.9Z",
                "2026-01-01T00:01:00Z",
            ),
            (
                "*/15 * * * *",
                "2026-01-01T00:46:00Z",
                "2026-01-01T01:00:00Z",
            ),
            (
                "5/20 * * * *",
                "2026-01-01T00:06:00Z",
                "2026-01-01T00:25:00Z",
            ),
            (
                "30 4 1,15 * *",
                "2026-01-02T00:00:00Z",
                "2026-01-15T04:30:00Z",
            ),
            (
                "0 0 * * MON-fri",
                "2026-01-02T00:00:00Z",
                "2026-01-05T00:00:00Z",
            ),
            // Day of month or day of week: Friday the 2nd comes before the 13th.
            ("0 0 13 * 5", "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z"),
            (
                "0 0 29 feb *",
                "2026-03-01T00:00:00Z",
                "2028-02-29T00:00:00Z",
            ),
            ("0 0 31 2 *", "2026-01-01T00:00:00Z", "never"),
            ("@hourly", "2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z"),
            ("@weekly", "2026-01-01T00:00:00Z", "2026-01-04T00:00:00Z"),
            ("@yearly", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"),
            (
                "@every 1h30m",
                "2026-01-01T00:00:00Z",
                "2026-01-01T01:30:00Z",
            ),
            (
                "TZ=Asia/Tokyo 0 9 * * *",
                "2026-01-01T00:30:00Z",
                "2026-01-02T00:00:00Z",
            ),
        ] {
            assert_eq!(
                next(schedule, after, &TimeZone::UTC),
                expected,
                "{schedule}"
            );
        }
    }

    #[test]
    fn clocks_that_are_put_forward_and_back() {
        let berlin = time_zone("Europe/Berlin").unwrap();
        for (schedule, after, expected) in [
            // 2:30 does not exist on that day.
            ("30 2 * * *", "2026-03-28T23:00:00Z", "2026-03-30T00:30:00Z"),
            // 2:30 comes twice on that day.
            ("30 2 * * *", "2026-10-25T00:00:00Z", "2026-10-25T00:30:00Z"),
            ("30 * * * *", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"),
            ("0 9 * * *", "2026-07-01T08:00:00Z", "2026-07-02T07:00:00Z"),
        ] {
            assert_eq!(
                next(schedule, after, &berlin),
                expected,
                "{schedule} after {after}"
            );
        }
    }
}
