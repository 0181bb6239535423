//! The small languages: quantities, schedules, index sets.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use skiff_api::{CronSchedule, IndexSet, Quantity};

pub(crate) fn texts(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(quantity) = text.parse::<Quantity>() {
        let again = quantity.to_string().parse::<Quantity>();
        assert_eq!(again.ok(), Some(quantity), "{text:?}");
    }
    if let Ok(schedule) = CronSchedule::parse(text)
        && let Some(next) = schedule.next_after(Timestamp::UNIX_EPOCH, &TimeZone::UTC)
    {
        assert!(next > Timestamp::UNIX_EPOCH, "{text:?}");
    }
    if let Some(set) = IndexSet::parse(text) {
        let again = IndexSet::parse(&set.to_string());
        assert_eq!(again, Some(set), "{text:?}");
    }
}
