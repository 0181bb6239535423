//! Who of those that wait for more gets it first: pure (KEP-1287, "Priority of Resize Requests").

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use skiff_api::pod_resources::RESIZE_PENDING;

use crate::pods::config::resources::{Qos, qos};
use crate::pods::object;

/// The place of a Pod among others that wait; the least comes first. Guaranteed Pods come before the others of their priority,
/// then those that have waited longest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    priority: Reverse<i32>,
    is_shared: bool,
    since: Timestamp,
}

impl Rank {
    /// That of a Pod which waits since `now`, if its status does not say since when.
    pub(super) fn of(pod: &Pod, now: Timestamp) -> Self {
        let status = pod.status.as_ref();
        let mut conditions = status
            .iter()
            .flat_map(|status| status.conditions.iter().flatten());
        let told = conditions.find(|one| one.type_ == RESIZE_PENDING);
        let since = told.and_then(|one| one.last_transition_time.as_ref());
        Self {
            priority: Reverse(object::priority(pod)),
            is_shared: qos(pod) != Qos::Guaranteed,
            since: since.map_or(now, |since| since.0),
        }
    }

    /// The same, for one that waited already.
    pub(super) fn waiting_since(self, before: Option<Self>) -> Self {
        let since = before.map_or(self.since, |before| before.since.min(self.since));
        Self { since, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn rank(priority: i32, class: &str, since: &str) -> Rank {
        let pending =
            json!({"type": RESIZE_PENDING, "status": "True", "lastTransitionTime": since});
        let pod = json!({
            "spec": {"priority": priority, "containers": []},
            "status": {"qosClass": class, "conditions": [pending]},
        });
        let pod = serde_json::from_value(pod).expect("a Pod");
        Rank::of(&pod, Timestamp::MAX)
    }

    #[test]
    fn the_more_important_come_first_then_the_guaranteed_then_the_patient() {
        let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z");
        let ordered = [
            rank(1000, "Burstable", late),
            rank(0, "Guaranteed", late),
            rank(0, "Burstable", early),
            rank(0, "Burstable", late),
            rank(-1, "Guaranteed", early),
        ];
        assert!(ordered.is_sorted(), "{ordered:?}");
        let asked = Rank::of(&Pod::default(), Timestamp::UNIX_EPOCH);
        let again = Rank::of(&Pod::default(), Timestamp::MAX).waiting_since(Some(asked));
        assert_eq!(again, asked);
    }
}
