//! What a DaemonSet asks for, with the defaults of the API.

use k8s_openapi::api::apps::v1::{DaemonSet, RollingUpdateDaemonSet};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// How many Pods an update may be short of, or have besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowance {
    /// So many nodes may be without a Pod.
    Unavailable(usize),
    /// So many nodes may have two.
    Surge(usize),
}

/// What an update may do on `desired` nodes; none if it waits for users to delete Pods.
pub(super) fn allowance(set: &DaemonSet, desired: usize) -> Option<Allowance> {
    let strategy = set
        .spec
        .as_ref()
        .and_then(|spec| spec.update_strategy.as_ref());
    if strategy.and_then(|strategy| strategy.type_.as_deref()) == Some("OnDelete") {
        return None;
    }
    let rolling = strategy.and_then(|strategy| strategy.rolling_update.as_ref());
    let count = |pick: fn(&RollingUpdateDaemonSet) -> Option<&IntOrString>, default| {
        rolling
            .and_then(pick)
            .map_or(default, |value| rounded_up(value, desired))
    };
    let surge = count(|rolling| rolling.max_surge.as_ref(), 0);
    let unavailable = count(|rolling| rolling.max_unavailable.as_ref(), 1);
    Some(match surge {
        0 => Allowance::Unavailable(unavailable.max(1)),
        surge => Allowance::Surge(surge),
    })
}

fn rounded_up(value: &IntOrString, of: usize) -> usize {
    match value {
        IntOrString::Int(count) => usize::try_from(*count).unwrap_or(0),
        IntOrString::String(text) => {
            let percent = text
                .strip_suffix('%')
                .and_then(|number| number.parse().ok());
            (of * percent.unwrap_or(0_usize).min(100)).div_ceil(100)
        }
    }
}

/// How long a Pod must be ready to be available, in seconds.
pub(super) fn min_ready_seconds(set: &DaemonSet) -> i32 {
    let seconds = set.spec.as_ref().and_then(|spec| spec.min_ready_seconds);
    seconds.unwrap_or(0)
}
