//! The small languages: selectors, quantities, schedules, index sets.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use skiff_api::{CronSchedule, FieldSelector, IndexSet, Quantity, Selector};

pub(crate) fn texts(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else {
        return;
    };
    if let Ok(selector) = Selector::parse(text) {
        let labels = BTreeMap::from([("app".to_owned(), "web".to_owned())]);
        // Whether everything is selected is one question, asked in two ways.
        if selector.is_everything() {
            assert!(selector.matches(&labels), "{text:?}");
        }
        let again = Selector::parse(&selector.to_string());
        assert_eq!(again.ok(), Some(selector), "{text:?}");
    }
    if let Ok(selector) = FieldSelector::parse(text) {
        let is_selected = selector.matches(|_| None);
        assert!(is_selected || !selector.is_everything(), "{text:?}");
    }
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
