//! The status of a Deployment, from its ReplicaSets.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{
    Deployment, DeploymentCondition, DeploymentStatus, ReplicaSetStatus,
};
use kube::ResourceExt;

use super::conditions::{
    AVAILABLE, Conditions, PROGRESSING, REPLICA_FAILURE, condition, get, has_reason, remove, renew,
    set,
};
use super::replica_sets::{ReplicaSets, available, wanted};
use super::spec;
use crate::writes::nonzero;

/// The counters, and the condition `Available`; `conditions` are those to start from.
pub(super) fn count(
    deployment: &Deployment,
    replica_sets: &ReplicaSets,
    mut conditions: Conditions,
    now: Timestamp,
) -> DeploymentStatus {
    let available = available(replica_sets.all());
    let sum = |of: fn(&ReplicaSetStatus) -> i32| -> i32 {
        replica_sets
            .all()
            .filter_map(|one| one.status.as_ref())
            .map(of)
            .sum()
    };
    let new_status = replica_sets
        .new
        .as_ref()
        .and_then(|new| new.status.as_ref());
    set(&mut conditions, availability(deployment, available, now));
    DeploymentStatus {
        observed_generation: deployment.metadata.generation,
        replicas: nonzero(sum(|status| status.replicas)),
        updated_replicas: nonzero(new_status.map_or(0, |status| status.replicas)),
        ready_replicas: nonzero(sum(|status| status.ready_replicas.unwrap_or(0))),
        available_replicas: nonzero(available),
        unavailable_replicas: nonzero((wanted(replica_sets.all()) - available).max(0)),
        terminating_replicas: terminating(replica_sets),
        collision_count: deployment
            .status
            .as_ref()
            .and_then(|status| status.collision_count),
        conditions: Some(conditions),
    }
}

fn availability(deployment: &Deployment, available: i32, now: Timestamp) -> DeploymentCondition {
    let min = spec::replicas(deployment) - spec::max_unavailable(deployment);
    if available >= min {
        let message = "Deployment has minimum availability.";
        condition(AVAILABLE, "True", "MinimumReplicasAvailable", message, now)
    } else {
        let message = "Deployment does not have minimum availability.";
        condition(
            AVAILABLE,
            "False",
            "MinimumReplicasUnavailable",
            message,
            now,
        )
    }
}

/// Unknown as long as one ReplicaSet has not counted yet.
fn terminating(replica_sets: &ReplicaSets) -> Option<i32> {
    replica_sets
        .all()
        .map(|one| {
            one.status
                .as_ref()
                .and_then(|status| status.terminating_replicas)
        })
        .sum()
}

/// Sets `Progressing` and `ReplicaFailure`, as a rollout that is not paused has them; `before` is the status it had.
pub(super) fn judge_progress(
    deployment: &Deployment,
    replica_sets: &ReplicaSets,
    before: &DeploymentStatus,
    status: &mut DeploymentStatus,
    now: Timestamp,
) {
    let progress = progress(deployment, before, status, now);
    let conditions = status.conditions.get_or_insert_default();
    let subject = match &replica_sets.new {
        Some(new) => format!("ReplicaSet {:?}", new.name_any()),
        None => format!("Deployment {:?}", deployment.name_any()),
    };
    let told = |status, reason, words| {
        condition(
            PROGRESSING,
            status,
            reason,
            format!("{subject} {words}"),
            now,
        )
    };
    match progress {
        Progress::Unwatched => remove(conditions, PROGRESSING),
        Progress::Unchanged => {}
        Progress::Done => {
            set(
                conditions,
                told(
                    "True",
                    "NewReplicaSetAvailable",
                    "has successfully progressed.",
                ),
            );
        }
        Progress::Moves => renew(
            conditions,
            told("True", "ReplicaSetUpdated", "is progressing."),
        ),
        Progress::Stuck => {
            set(
                conditions,
                told(
                    "False",
                    "ProgressDeadlineExceeded",
                    "has timed out progressing.",
                ),
            );
        }
    }
    match failure(replica_sets) {
        Some(failure) => set(conditions, failure),
        None => remove(conditions, REPLICA_FAILURE),
    }
}

/// How a rollout goes.
enum Progress {
    /// It has no deadline.
    Unwatched,
    /// Nothing is to be said that is not said already.
    Unchanged,
    Done,
    Moves,
    Stuck,
}

fn progress(
    deployment: &Deployment,
    before: &DeploymentStatus,
    status: &DeploymentStatus,
    now: Timestamp,
) -> Progress {
    let Some(deadline) = spec::progress_deadline(deployment) else {
        return Progress::Unwatched;
    };
    let conditions = status.conditions.as_deref().unwrap_or_default();
    let all_updated = status.replicas == status.updated_replicas;
    if all_updated && has_reason(conditions, PROGRESSING, "NewReplicaSetAvailable") {
        // Once a revision has become available, only another one makes it progress again.
        Progress::Unchanged
    } else if is_complete(deployment, status) {
        Progress::Done
    } else if moves(before, status) {
        Progress::Moves
    } else if time_left(conditions, deadline, now).is_some_and(|left| left.is_zero()) {
        Progress::Stuck
    } else {
        Progress::Unchanged
    }
}

/// Whether all wanted Pods are of the current template and available, and no others are left.
pub(super) fn is_complete(deployment: &Deployment, status: &DeploymentStatus) -> bool {
    let desired = nonzero(spec::replicas(deployment));
    status.updated_replicas == desired
        && status.replicas == desired
        && status.available_replicas == desired
        && status.observed_generation >= deployment.metadata.generation
}

fn moves(before: &DeploymentStatus, now: &DeploymentStatus) -> bool {
    let old = |status: &DeploymentStatus| {
        status.replicas.unwrap_or(0) - status.updated_replicas.unwrap_or(0)
    };
    // `None` is 0 and compares as less than any count.
    now.updated_replicas > before.updated_replicas
        || old(now) < old(before)
        || now.ready_replicas > before.ready_replicas
        || now.available_replicas > before.available_replicas
}

/// How long until a rollout that does not move counts as stuck; `None` if it is not watched.
fn time_left(
    conditions: &[DeploymentCondition],
    deadline: Duration,
    now: Timestamp,
) -> Option<Duration> {
    let progressing = get(conditions, PROGRESSING)?;
    let reason = progressing.reason.as_deref();
    if reason == Some("NewReplicaSetAvailable") {
        return None;
    }
    let since = progressing.last_update_time.as_ref()?.0;
    let passed = Duration::try_from(now.duration_since(since)).unwrap_or_default();
    Some(deadline.saturating_sub(passed))
}

/// When to look again for a rollout that does not move.
pub(super) fn look_again(
    deployment: &Deployment,
    status: &DeploymentStatus,
    now: Timestamp,
) -> Option<Duration> {
    let conditions = status.conditions.as_ref()?;
    let over = has_reason(conditions, PROGRESSING, "ProgressDeadlineExceeded");
    if spec::is_paused(deployment) || over || is_complete(deployment, status) {
        return None;
    }
    // A second later, for times in a status have no fractions.
    let left = time_left(conditions, spec::progress_deadline(deployment)?, now)?;
    Some(left + Duration::from_secs(1))
}

/// The first failure of a ReplicaSet, the new one's before others.
fn failure(replica_sets: &ReplicaSets) -> Option<DeploymentCondition> {
    let failed = replica_sets
        .new
        .iter()
        .chain(&replica_sets.old)
        .find_map(|one| {
            let conditions = one.status.as_ref()?.conditions.as_ref()?;
            conditions
                .iter()
                .find(|condition| condition.type_ == REPLICA_FAILURE)
        })?;
    Some(DeploymentCondition {
        type_: failed.type_.clone(),
        status: failed.status.clone(),
        reason: failed.reason.clone(),
        message: failed.message.clone(),
        last_update_time: failed.last_transition_time.clone(),
        last_transition_time: failed.last_transition_time.clone(),
    })
}
