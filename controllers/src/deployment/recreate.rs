//! The next step of a rollout that replaces all Pods at once
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#recreate-deployment>).

use k8s_openapi::api::apps::v1::Deployment;

use super::replica_sets::{ReplicaSets, resize};
use super::spec;

/// Empties the old ReplicaSets; says whether any was not empty.
pub(super) fn empty_old(deployment: &Deployment, replica_sets: &mut ReplicaSets) -> bool {
    let mut emptied = false;
    for old in &mut replica_sets.old {
        emptied |= resize(deployment, old, 0);
    }
    emptied
}

/// Fills the new ReplicaSet.
pub(super) fn fill_new(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    if let Some(new) = &mut replica_sets.new {
        resize(deployment, new, spec::replicas(deployment));
    }
}
