//! Whole rollouts on paper: each plan is applied to a small cluster of values until nothing is left to do.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet, ReplicaSetStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::ResourceExt;

use super::annotations::REVISION;
use super::conditions::{AVAILABLE, PROGRESSING, get};
use super::plan::{Plan, Seen, plan};
use super::replica_sets::size;
use super::testing::deployment;

/// A Deployment and its ReplicaSets, as the API server would keep them.
struct Cluster {
    deployment: Deployment,
    replica_sets: Vec<ReplicaSet>,
    now: Timestamp,
}

impl Cluster {
    fn new(deployment: Deployment) -> Self {
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        Self {
            deployment,
            replica_sets: Vec::new(),
            now,
        }
    }

    fn plan(&self) -> Plan {
        let seen: Vec<_> = self.replica_sets.iter().cloned().map(Arc::new).collect();
        let runs = |one: &&ReplicaSet| {
            one.status
                .as_ref()
                .is_some_and(|status| status.replicas > 0)
        };
        let uid = |one: &ReplicaSet| one.metadata.uid.clone().unwrap();
        let running: HashSet<String> = self.replica_sets.iter().filter(runs).map(uid).collect();
        plan(&Seen {
            deployment: &self.deployment,
            replica_sets: &seen,
            running,
            now: self.now,
        })
    }

    /// Plans and applies; a second passes. Says whether there was anything to do.
    fn step(&mut self) -> bool {
        let plan = self.plan();
        let moved = plan.create.is_some()
            || !plan.update.is_empty()
            || !plan.delete.is_empty()
            || self.deployment.status.as_ref() != Some(&plan.status);
        if let Some(mut new) = plan.create {
            new.metadata.uid = new.metadata.name.clone();
            new.metadata.creation_timestamp = Some(Time(self.now));
            self.replica_sets.push(new);
        }
        for update in plan.update {
            let slot = self
                .replica_sets
                .iter_mut()
                .find(|one| one.name_any() == update.name_any());
            *slot.unwrap() = update;
        }
        let gone: Vec<String> = plan.delete.iter().map(ResourceExt::name_any).collect();
        self.replica_sets
            .retain(|one| !gone.contains(&one.name_any()));
        if let Some(revision) = plan.revision {
            self.deployment
                .annotations_mut()
                .insert(REVISION.to_owned(), revision);
        }
        self.deployment.status = Some(plan.status);
        self.now += SignedDuration::from_secs(1);
        moved
    }

    /// What the ReplicaSet controller and kubelets would do: all Pods are there, and available unless `stuck`.
    fn run_pods(&mut self, stuck: &str) {
        for one in &mut self.replica_sets {
            let template = one.spec.as_ref().unwrap().template.clone().unwrap();
            let image = template.spec.unwrap().containers[0].image.clone();
            let running = if image.as_deref() == Some(stuck) {
                0
            } else {
                size(one)
            };
            one.status = Some(ReplicaSetStatus {
                replicas: size(one),
                ready_replicas: Some(running),
                available_replicas: Some(running),
                terminating_replicas: Some(0),
                ..ReplicaSetStatus::default()
            });
        }
    }

    /// Until nothing moves; the most and the fewest Pods there were on the way.
    fn settle(&mut self, stuck: &str) -> (i32, i32) {
        let (mut most, mut fewest) = (0, i32::MAX);
        for _ in 0..100 {
            let moved = self.step();
            let all: i32 = self.replica_sets.iter().map(size).sum();
            (most, fewest) = (most.max(all), fewest.min(all));
            self.run_pods(stuck);
            if !moved && !self.step() {
                return (most, fewest);
            }
        }
        panic!("never at rest: {:#?}", self.plan());
    }

    fn set_image(&mut self, image: &str) {
        let spec = self.deployment.spec.as_mut().unwrap();
        spec.template.spec.as_mut().unwrap().containers[0].image = Some(image.to_owned());
        *self.deployment.metadata.generation.as_mut().unwrap() += 1;
    }

    fn condition(&self, type_: &str) -> String {
        let conditions = self
            .deployment
            .status
            .as_ref()
            .unwrap()
            .conditions
            .as_ref()
            .unwrap();
        let condition = get(conditions, type_).unwrap();
        format!(
            "{} {}: {}",
            condition.status,
            condition.reason.as_ref().unwrap(),
            condition.message.as_ref().unwrap()
        )
    }

    /// `revision:size` of each ReplicaSet, in the order of their making.
    fn revisions(&self) -> Vec<String> {
        let show = |one: &ReplicaSet| format!("{}:{}", one.annotations()[REVISION], size(one));
        self.replica_sets.iter().map(show).collect()
    }
}

#[test]
fn a_first_rollout_becomes_available() {
    let mut cluster = Cluster::new(deployment(3, 1, 0));
    cluster.step();
    let name = cluster.replica_sets[0].name_any();
    assert_eq!(
        cluster.condition(PROGRESSING),
        format!("True NewReplicaSetCreated: Created new replica set \"{name}\"")
    );
    assert_eq!(
        cluster.condition(AVAILABLE),
        "False MinimumReplicasUnavailable: Deployment does not have minimum availability."
    );
    cluster.settle("");
    assert_eq!(
        cluster.condition(PROGRESSING),
        format!("True NewReplicaSetAvailable: ReplicaSet \"{name}\" has successfully progressed.")
    );
    assert_eq!(
        cluster.condition(AVAILABLE),
        "True MinimumReplicasAvailable: Deployment has minimum availability."
    );
    assert_eq!(cluster.deployment.annotations()[REVISION], "1");
    let status = cluster.deployment.status.clone().unwrap();
    assert_eq!(
        (status.replicas, status.unavailable_replicas),
        (Some(3), None)
    );
}

#[test]
fn an_update_rolls_within_its_bounds_and_can_be_undone() {
    let mut cluster = Cluster::new(deployment(4, 1, 1));
    cluster.settle("");
    cluster.set_image("b");
    assert_eq!(cluster.settle(""), (5, 3));
    assert_eq!(cluster.revisions(), ["1:0", "2:4"]);
    cluster.set_image("a");
    cluster.settle("");
    assert_eq!(
        cluster.revisions(),
        ["3:4", "2:0"],
        "undo is a new revision of the old ReplicaSet"
    );
    assert_eq!(cluster.deployment.annotations()[REVISION], "3");
}

#[test]
fn recreate_waits_for_the_old_pods() {
    let mut web = deployment(3, 0, 0);
    let strategy = web.spec.as_mut().unwrap().strategy.as_mut().unwrap();
    strategy.type_ = Some("Recreate".into());
    strategy.rolling_update = None;
    let mut cluster = Cluster::new(web);
    cluster.settle("");
    cluster.set_image("b");
    cluster.step();
    assert_eq!(cluster.revisions(), ["1:0"]);
    cluster.step();
    assert_eq!(cluster.revisions(), ["1:0"], "its Pods still run");
    cluster.run_pods("");
    cluster.step();
    assert_eq!(cluster.revisions(), ["1:0", "2:3"]);
}

#[test]
fn a_stuck_rollout_keeps_old_pods_and_times_out() {
    let mut cluster = Cluster::new(deployment(3, 1, 0));
    cluster.settle("");
    cluster.set_image("broken");
    cluster.settle("broken");
    assert_eq!(cluster.revisions(), ["1:3", "2:1"]);
    let again = cluster.plan().again.expect("its deadline is watched");
    assert!(again <= Duration::from_secs(601), "{again:?}");
    cluster.now += SignedDuration::try_from(again).unwrap();
    cluster.step();
    let name = cluster.replica_sets[1].name_any();
    assert_eq!(
        cluster.condition(PROGRESSING),
        format!("False ProgressDeadlineExceeded: ReplicaSet \"{name}\" has timed out progressing.")
    );
    assert_eq!(cluster.plan().again, None);
}

#[test]
fn a_paused_rollout_scales_but_does_not_roll() {
    let mut cluster = Cluster::new(deployment(3, 1, 0));
    cluster.settle("");
    let spec = cluster.deployment.spec.as_mut().unwrap();
    spec.paused = Some(true);
    spec.replicas = Some(5);
    cluster.set_image("b");
    cluster.settle("");
    assert_eq!(cluster.revisions(), ["1:5"]);
    assert_eq!(
        cluster.condition(PROGRESSING),
        "Unknown DeploymentPaused: Deployment is paused"
    );
    cluster.deployment.spec.as_mut().unwrap().paused = None;
    cluster.settle("");
    assert_eq!(cluster.revisions(), ["1:0", "2:5"]);
}

#[test]
fn old_revisions_are_forgotten() {
    let mut web = deployment(1, 1, 0);
    web.spec.as_mut().unwrap().revision_history_limit = Some(2);
    let mut cluster = Cluster::new(web);
    for image in ["a", "b", "c", "d", "e"] {
        cluster.set_image(image);
        cluster.settle("");
    }
    assert_eq!(cluster.revisions(), ["3:0", "4:0", "5:1"]);
}
