//! What is to be done for a Deployment, from what is seen of it.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use kube::ResourceExt;

use super::annotations::REVISION;
use super::conditions::{Conditions, PROGRESSING, condition, get, has_reason, set};
use super::replica_sets::ReplicaSets;
use super::{history, recreate, revision, rolling, scale, spec, status};
use crate::ownership::uid_of;

/// What is seen.
pub(super) struct Seen<'a> {
    pub(super) deployment: &'a Deployment,
    /// All that the Deployment controls.
    pub(super) replica_sets: &'a [Arc<ReplicaSet>],
    /// The uids of those that have Pods which have not ended.
    pub(super) running: HashSet<String>,
    pub(super) now: Timestamp,
}

/// What is to be done, in this order.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// A ReplicaSet to make.
    pub(super) create: Option<ReplicaSet>,
    /// ReplicaSets to write as they stand here.
    pub(super) update: Vec<ReplicaSet>,
    /// ReplicaSets to delete.
    pub(super) delete: Vec<ReplicaSet>,
    /// The Deployment's revision, where its annotation says another one.
    pub(super) revision: Option<String>,
    /// The status it has then.
    pub(super) status: DeploymentStatus,
    /// When to look again if nothing changes.
    pub(super) again: Option<Duration>,
}

/// The next step of a Deployment.
pub(super) fn plan(seen: &Seen<'_>) -> Plan {
    let deployment = seen.deployment;
    let before = deployment.status.clone().unwrap_or_default();
    let mut conditions = before.conditions.clone().unwrap_or_default();
    let mut replica_sets = revision::sort_out(deployment, seen.replica_sets);
    if deployment.metadata.deletion_timestamp.is_some() {
        let status = status::count(deployment, &replica_sets, conditions, seen.now);
        return Plan {
            status,
            ..Plan::default()
        };
    }
    note_pause(deployment, &mut conditions, seen.now);
    revision::update_new(deployment, &mut replica_sets);
    let rolls = !spec::is_paused(deployment) && !scale::is_due(deployment, &replica_sets);
    if rolls {
        roll_out(seen, &mut replica_sets);
    } else {
        scale::scale(deployment, &mut replica_sets);
    }
    note_new(seen, &replica_sets, &mut conditions);
    let mut status = status::count(deployment, &replica_sets, conditions, seen.now);
    if rolls {
        status::judge_progress(deployment, &replica_sets, &before, &mut status, seen.now);
    }
    let clean = spec::is_paused(deployment) || status::is_complete(deployment, &status);
    let delete = if clean {
        history::forgotten(deployment, &replica_sets)
    } else {
        Vec::new()
    };
    Plan {
        revision: new_revision(deployment, &replica_sets),
        again: status::look_again(deployment, &status, seen.now),
        update: changed(seen.replica_sets, &replica_sets),
        create: replica_sets.new.filter(|new| new.metadata.uid.is_none()),
        delete,
        status,
    }
}

/// One step of the rollout by the Deployment's strategy.
fn roll_out(seen: &Seen<'_>, replica_sets: &mut ReplicaSets) {
    let deployment = seen.deployment;
    if spec::is_rolling(deployment) {
        if replica_sets.new.is_none() {
            revision::add_new(deployment, replica_sets);
        }
        return rolling::step(deployment, replica_sets);
    }
    let emptied = recreate::empty_old(deployment, replica_sets);
    let old_runs = replica_sets
        .old
        .iter()
        .any(|old| seen.running.contains(uid_of(old)));
    if emptied || old_runs {
        return;
    }
    if replica_sets.new.is_none() {
        revision::add_new(deployment, replica_sets);
    }
    recreate::fill_new(deployment, replica_sets);
}

/// While a rollout is paused its deadline does not run.
fn note_pause(deployment: &Deployment, conditions: &mut Conditions, now: Timestamp) {
    let timed_out = has_reason(conditions, PROGRESSING, "ProgressDeadlineExceeded");
    if timed_out || spec::progress_deadline(deployment).is_none() {
        return;
    }
    let noted = has_reason(conditions, PROGRESSING, "DeploymentPaused");
    let (reason, message) = match (spec::is_paused(deployment), noted) {
        (true, false) => ("DeploymentPaused", "Deployment is paused"),
        (false, true) => ("DeploymentResumed", "Deployment is resumed"),
        _ => return,
    };
    set(
        conditions,
        condition(PROGRESSING, "Unknown", reason, message, now),
    );
}

/// Says that there is a new ReplicaSet.
fn note_new(seen: &Seen<'_>, replica_sets: &ReplicaSets, conditions: &mut Conditions) {
    let Some(new) = &replica_sets.new else {
        return;
    };
    if spec::progress_deadline(seen.deployment).is_none() {
        return;
    }
    let (reason, message) = if new.metadata.uid.is_none() {
        (
            "NewReplicaSetCreated",
            format!("Created new replica set {:?}", new.name_any()),
        )
    } else if get(conditions, PROGRESSING).is_none() {
        (
            "FoundNewReplicaSet",
            format!("Found new replica set {:?}", new.name_any()),
        )
    } else {
        return;
    };
    set(
        conditions,
        condition(PROGRESSING, "True", reason, message, seen.now),
    );
}

fn new_revision(deployment: &Deployment, replica_sets: &ReplicaSets) -> Option<String> {
    let revision = replica_sets.new.as_ref()?.annotations().get(REVISION)?;
    (deployment.annotations().get(REVISION) != Some(revision)).then(|| revision.clone())
}

/// Those that the plan has changed.
fn changed(seen: &[Arc<ReplicaSet>], planned: &ReplicaSets) -> Vec<ReplicaSet> {
    planned
        .all()
        .filter(|planned| {
            seen.iter()
                .any(|seen| seen.metadata.uid == planned.metadata.uid && **seen != **planned)
        })
        .cloned()
        .collect()
}
