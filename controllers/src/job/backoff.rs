//! How long to wait before a failed Pod is replaced
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/job/#pod-backoff-failure-policy>).
//!
//! The delays follow from the Pods that have ended, so they outlive a restart of the controller.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;

use crate::pods::phase;

/// After the first failure.
const FIRST: Duration = Duration::from_secs(10);
/// However many failures there were.
const LONGEST: Duration = Duration::from_secs(600);

/// How long to wait still, after the failures of `ended` since its last success.
pub(super) fn left<'a>(
    ended: impl Iterator<Item = &'a Arc<Pod>>,
    now: Timestamp,
) -> Option<Duration> {
    let mut ends: Vec<(Timestamp, bool)> = ended
        .filter_map(|pod| Some((ended_at(pod)?, phase(pod) == "Succeeded")))
        .collect();
    ends.sort_unstable();
    let after_success = ends.iter().rev().take_while(|(_, succeeded)| !succeeded);
    let failures = u32::try_from(after_success.count()).unwrap_or(u32::MAX);
    let (last, _) = ends.last()?;
    left_after(failures, *last, now)
}

/// How long to wait still, after so many failures, of which that was the last.
pub(super) fn left_after(failures: u32, last: Timestamp, now: Timestamp) -> Option<Duration> {
    let doublings = failures.checked_sub(1)?.min(10);
    let delay = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let until = last
        .checked_add(SignedDuration::try_from(delay).ok()?)
        .ok()?;
    Duration::try_from(until.duration_since(now))
        .ok()
        .filter(|left| !left.is_zero())
}

/// When the last container of a Pod ended; for a Pod that never had one, when it was deleted.
pub(super) fn ended_at(pod: &Pod) -> Option<Timestamp> {
    let containers = pod
        .status
        .as_ref()
        .and_then(|status| status.container_statuses.as_ref());
    let ends = containers.into_iter().flatten().filter_map(|container| {
        let terminated = container.state.as_ref()?.terminated.as_ref()?;
        terminated.finished_at.as_ref().map(|time| time.0)
    });
    let deleted = || pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
    let made = || pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
    ends.max().or_else(deleted).or_else(made)
}
