//! What a StatefulSet asks for, with the defaults of the API.

use std::ops::Range;

use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetSpec, StatefulSetUpdateStrategy};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

fn spec(set: &StatefulSet) -> Option<&StatefulSetSpec> {
    set.spec.as_ref()
}

/// The ordinals that there should be.
pub(super) fn ordinals(set: &StatefulSet) -> Range<i32> {
    let start = spec(set)
        .and_then(|spec| spec.ordinals.as_ref())
        .and_then(|ordinals| ordinals.start)
        .unwrap_or(0);
    start..start.saturating_add(replicas(set))
}

/// The wanted number of Pods.
pub(super) fn replicas(set: &StatefulSet) -> i32 {
    spec(set).and_then(|spec| spec.replicas).unwrap_or(1).max(0)
}

/// Whether Pods come and go one after the other.
pub(super) fn is_ordered(set: &StatefulSet) -> bool {
    spec(set).and_then(|spec| spec.pod_management_policy.as_deref()) != Some("Parallel")
}

/// Whether a Pod is replaced only when its user deletes it.
pub(super) fn updates_on_delete(set: &StatefulSet) -> bool {
    strategy(set).and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete")
}

/// The least ordinal that an update reaches.
pub(super) fn partition(set: &StatefulSet) -> i32 {
    strategy(set)
        .and_then(|strategy| strategy.rolling_update.as_ref())
        .and_then(|rolling| rolling.partition)
        .unwrap_or(0)
}

/// How many Pods an update may take away at a time, at least 1; percentages are rounded up.
pub(super) fn max_unavailable(set: &StatefulSet) -> usize {
    let value = strategy(set)
        .and_then(|strategy| strategy.rolling_update.as_ref())
        .and_then(|rolling| rolling.max_unavailable.as_ref());
    let count = match value {
        None => 1,
        Some(IntOrString::Int(count)) => i64::from(*count),
        Some(IntOrString::String(text)) => {
            let percent = text
                .strip_suffix('%')
                .and_then(|number| number.parse::<i64>().ok());
            (i64::from(replicas(set)) * percent.unwrap_or(0).clamp(0, 100) + 99) / 100
        }
    };
    usize::try_from(count).unwrap_or(0).max(1)
}

/// How long a Pod must be ready to be available, in seconds.
pub(super) fn min_ready_seconds(set: &StatefulSet) -> i32 {
    spec(set)
        .and_then(|spec| spec.min_ready_seconds)
        .unwrap_or(0)
}

fn strategy(set: &StatefulSet) -> Option<&StatefulSetUpdateStrategy> {
    spec(set)?.update_strategy.as_ref()
}
