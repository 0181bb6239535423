//! The conditions of a Deployment
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#deployment-status>).

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DeploymentCondition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

pub(super) const AVAILABLE: &str = "Available";
pub(super) const PROGRESSING: &str = "Progressing";
pub(super) const REPLICA_FAILURE: &str = "ReplicaFailure";

/// Conditions, one a type.
pub(super) type Conditions = Vec<DeploymentCondition>;

/// A condition that has just become so.
pub(super) fn condition(
    type_: &str,
    status: &str,
    reason: &str,
    message: impl Into<String>,
    now: Timestamp,
) -> DeploymentCondition {
    DeploymentCondition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.into()),
        last_update_time: Some(Time(now)),
        last_transition_time: Some(Time(now)),
    }
}

/// The condition of that type.
pub(super) fn get<'a>(
    conditions: &'a [DeploymentCondition],
    type_: &str,
) -> Option<&'a DeploymentCondition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether the condition of that type has that reason.
pub(super) fn has_reason(conditions: &[DeploymentCondition], type_: &str, reason: &str) -> bool {
    get(conditions, type_).is_some_and(|condition| condition.reason.as_deref() == Some(reason))
}

/// Sets a condition, unless it holds already for the same reason.
pub(super) fn set(conditions: &mut Conditions, new: DeploymentCondition) {
    let unchanged = get(conditions, &new.type_)
        .is_some_and(|old| old.status == new.status && old.reason == new.reason);
    if !unchanged {
        renew(conditions, new);
    }
}

/// Sets a condition anew even if it holds already: its time of update says that it was looked at.
pub(super) fn renew(conditions: &mut Conditions, mut new: DeploymentCondition) {
    if let Some(old) = get(conditions, &new.type_).filter(|old| old.status == new.status) {
        new.last_transition_time = old.last_transition_time.clone();
    }
    remove(conditions, &new.type_);
    conditions.push(new);
}

/// Removes the condition of that type.
pub(super) fn remove(conditions: &mut Conditions, type_: &str) {
    conditions.retain(|condition| condition.type_ != type_);
}
