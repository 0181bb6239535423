//! Which ReplicaSets of old revisions are forgotten
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#clean-up-policy>).

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::annotations::revision;
use super::replica_sets::{ReplicaSets, size};
use super::spec;

/// The old ReplicaSets beyond `revisionHistoryLimit`, the oldest revisions first, but none that still has Pods.
pub(super) fn forgotten(deployment: &Deployment, replica_sets: &ReplicaSets) -> Vec<ReplicaSet> {
    let Some(limit) = spec::revision_history_limit(deployment) else {
        return Vec::new();
    };
    let mut old: Vec<&ReplicaSet> = replica_sets
        .old
        .iter()
        .filter(|old| old.metadata.deletion_timestamp.is_none())
        .collect();
    let surplus = old.len().saturating_sub(limit);
    old.sort_by_key(|old| revision(old));
    old.into_iter()
        .take(surplus)
        .filter(|old| is_empty(old))
        .cloned()
        .collect()
}

fn is_empty(replica_set: &ReplicaSet) -> bool {
    let status = replica_set.status.clone().unwrap_or_default();
    size(replica_set) == 0
        && status.replicas == 0
        && status.observed_generation >= replica_set.metadata.generation
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::testing::{deployment, replica_set};
    use kube::ResourceExt;

    #[test]
    fn the_oldest_empty_ones_go() {
        let mut web = deployment(3, 1, 0);
        web.spec.as_mut().unwrap().revision_history_limit = Some(1);
        let old = [
            ("third", 0, "3"),
            ("first", 0, "1"),
            ("busy", 2, "0"),
            ("tenth", 0, "10"),
        ];
        let replica_sets = ReplicaSets {
            new: None,
            old: old
                .map(|(name, size, revision)| {
                    let mut old = replica_set(name, size, size);
                    old.annotations_mut()
                        .insert(super::super::annotations::REVISION.into(), revision.into());
                    old
                })
                .into(),
        };
        let names: Vec<String> = forgotten(&web, &replica_sets)
            .iter()
            .map(ResourceExt::name_any)
            .collect();
        assert_eq!(names, ["first", "third"]);
    }
}
