//! The ReplicaSets of a Deployment, as a plan changes them on paper.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use kube::ResourceExt;

use super::annotations::note_replicas;

/// The ReplicaSet of the current template and those of older ones.
#[derive(Clone, Debug, Default)]
pub(super) struct ReplicaSets {
    /// Of the current template, if there is one.
    pub(super) new: Option<ReplicaSet>,
    /// Of older templates, the oldest first.
    pub(super) old: Vec<ReplicaSet>,
}

impl ReplicaSets {
    /// All of them, the new one last.
    pub(super) fn all(&self) -> impl Iterator<Item = &ReplicaSet> {
        self.old.iter().chain(&self.new)
    }

    /// All of them, to be changed.
    pub(super) fn all_mut(&mut self) -> impl Iterator<Item = &mut ReplicaSet> {
        self.old.iter_mut().chain(&mut self.new)
    }
}

/// The Pods that these ReplicaSets want.
pub(super) fn wanted<'a>(replica_sets: impl IntoIterator<Item = &'a ReplicaSet>) -> i32 {
    replica_sets.into_iter().map(size).sum()
}

/// The Pods of these ReplicaSets that are available.
pub(super) fn available<'a>(replica_sets: impl IntoIterator<Item = &'a ReplicaSet>) -> i32 {
    replica_sets.into_iter().map(available_of).sum()
}

/// The Pods that a ReplicaSet wants.
pub(super) fn size(replica_set: &ReplicaSet) -> i32 {
    replica_set
        .spec
        .as_ref()
        .and_then(|spec| spec.replicas)
        .unwrap_or(1)
}

/// The Pods of a ReplicaSet that are available.
pub(super) fn available_of(replica_set: &ReplicaSet) -> i32 {
    let status = replica_set.status.as_ref();
    status
        .and_then(|status| status.available_replicas)
        .unwrap_or(0)
}

/// Whether it wants Pods at all.
pub(super) fn is_active(replica_set: &ReplicaSet) -> bool {
    size(replica_set) > 0
}

/// Sets the number of Pods that a ReplicaSet wants, and notes why; says whether that is a change.
pub(super) fn resize(deployment: &Deployment, replica_set: &mut ReplicaSet, to: i32) -> bool {
    if size(replica_set) == to {
        return false;
    }
    if let Some(spec) = &mut replica_set.spec {
        spec.replicas = Some(to);
    }
    note_replicas(deployment, replica_set);
    true
}

/// The order of age; those made in the same second are told apart by name.
pub(super) fn by_age(a: &ReplicaSet, b: &ReplicaSet) -> std::cmp::Ordering {
    let created = |replica_set: &ReplicaSet| {
        replica_set
            .metadata
            .creation_timestamp
            .clone()
            .map(|time| time.0)
    };
    // What is not stored yet is the youngest.
    let key = |replica_set: &ReplicaSet| {
        let created = created(replica_set);
        (created.is_none(), created, replica_set.name_any())
    };
    key(a).cmp(&key(b))
}
