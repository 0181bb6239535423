//! When the newest change came about that endpoints show, for those who measure how long it took to arrive.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Service};

use crate::pods::ready_condition;

/// The annotation that holds it (<https://kubernetes.io/docs/reference/labels-annotations-taints/>).
pub(crate) const CHANGE_TRIGGER_TIME: &str = "endpoints.kubernetes.io/last-change-trigger-time";

/// The newest time at which a Pod turned ready or unready, or the Service was made.
pub(crate) fn trigger_time(service: &Service, pods: &[Arc<Pod>]) -> Option<Timestamp> {
    let turned = |pod: &Arc<Pod>| {
        ready_condition(pod)?
            .last_transition_time
            .as_ref()
            .map(|time| time.0)
    };
    let made = service
        .metadata
        .creation_timestamp
        .as_ref()
        .map(|time| time.0);
    pods.iter().filter_map(turned).chain(made).max()
}
