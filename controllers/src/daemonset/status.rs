//! The status of a DaemonSet, from its Pods.

use std::time::Duration;

use k8s_openapi::api::apps::v1::DaemonSetStatus;

use super::fit::Fit;
use super::seen::{Place, Seen};
use super::{pod, spec};
use crate::pods::{Availability, availability, is_ready};
use crate::writes::nonzero;

/// The status, and when to look again because a Pod will have been ready for long enough by then.
pub(super) fn status(
    seen: &Seen<'_>,
    places: &[Place],
    collisions: Option<i32>,
) -> (DaemonSetStatus, Option<Duration>) {
    let mut status = DaemonSetStatus {
        observed_generation: seen.set.metadata.generation,
        collision_count: collisions,
        conditions: seen
            .set
            .status
            .as_ref()
            .and_then(|status| status.conditions.clone()),
        ..DaemonSetStatus::default()
    };
    let (mut updated, mut available) = (0, 0);
    let mut again: Option<Duration> = None;
    for place in places {
        let oldest = place
            .pods
            .iter()
            .min_by_key(|one| one.metadata.creation_timestamp.as_ref().map(|time| time.0));
        if place.fit != Fit::Runs {
            status.number_misscheduled += i32::from(oldest.is_some());
            continue;
        }
        status.desired_number_scheduled += 1;
        let Some(one) = oldest else { continue };
        status.current_number_scheduled += 1;
        status.number_ready += i32::from(is_ready(one));
        updated += i32::from(pod::hash_of(one) == seen.hash);
        match availability(one, spec::min_ready_seconds(seen.set), seen.now) {
            Availability::Available => available += 1,
            Availability::In(left) => again = Some(again.map_or(left, |again| again.min(left))),
            Availability::Unready => {}
        }
    }
    status.updated_number_scheduled = nonzero(updated);
    status.number_available = nonzero(available);
    status.number_unavailable = nonzero(status.desired_number_scheduled - available);
    (status, again)
}
