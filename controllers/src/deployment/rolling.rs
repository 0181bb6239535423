//! The next step of a rolling update
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#rolling-update-deployment>).

use k8s_openapi::api::apps::v1::Deployment;

use super::replica_sets::{ReplicaSets, available_of, resize, size, wanted};
use super::spec;

/// Grows the new ReplicaSet, or else shrinks the old ones, as far as `maxSurge` and `maxUnavailable` let it.
pub(super) fn step(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    let target = new_size(deployment, replica_sets);
    let grown = match &mut replica_sets.new {
        Some(new) => resize(deployment, new, target),
        None => false,
    };
    if !grown {
        shrink_old(deployment, replica_sets);
    }
}

/// How many Pods the new ReplicaSet may want now.
pub(super) fn new_size(deployment: &Deployment, replica_sets: &ReplicaSets) -> i32 {
    let desired = spec::replicas(deployment);
    let current = replica_sets.new.as_ref().map_or(0, size);
    if !spec::is_rolling(deployment) || current > desired {
        return desired;
    }
    let room = desired.saturating_add(spec::max_surge(deployment)) - wanted(replica_sets.all());
    current + room.min(desired - current).max(0)
}

/// Takes Pods from the old ReplicaSets: first those that serve nobody, then as many as can be spared.
fn shrink_old(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    let min_available = spec::replicas(deployment) - spec::max_unavailable(deployment);
    let new_unavailable = replica_sets
        .new
        .as_ref()
        .map_or(0, |new| size(new) - available_of(new));
    let removable = wanted(replica_sets.all()) - min_available - new_unavailable;
    if wanted(&replica_sets.old) == 0 || removable <= 0 {
        return;
    }
    take(
        deployment,
        replica_sets,
        removable,
        |old_size, old_available| old_size - old_available,
    );
    let spare = staying(replica_sets) - min_available;
    take(deployment, replica_sets, spare, |old_size, _| old_size);
}

/// The available Pods that no earlier step has given up: a status lags behind what its ReplicaSet already wants.
fn staying(replica_sets: &ReplicaSets) -> i32 {
    let staying = |replica_set| available_of(replica_set).min(size(replica_set));
    replica_sets.all().map(staying).sum()
}

/// Takes up to `budget` Pods from the old ReplicaSets, the oldest first, from each as many as `takeable(size, available)` says.
fn take(
    deployment: &Deployment,
    replica_sets: &mut ReplicaSets,
    mut budget: i32,
    takeable: impl Fn(i32, i32) -> i32,
) {
    for old in &mut replica_sets.old {
        let taken = takeable(size(old), available_of(old))
            .min(size(old))
            .min(budget);
        if taken > 0 {
            let left = size(old) - taken;
            resize(deployment, old, left);
            budget -= taken;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::testing::{deployment, replica_set, sizes};

    #[test]
    fn a_rollout_goes_by_steps_that_keep_to_its_bounds() {
        // desired, surge, unavailable | new (size, available) | old ones | new and old sizes afterwards
        let cases = [
            (10, 2, 2, (0, 0), vec![(10, 10)], (2, vec![10])),
            (10, 2, 2, (2, 0), vec![(10, 10)], (2, vec![8])),
            (10, 2, 2, (2, 2), vec![(8, 8)], (4, vec![8])),
            (10, 2, 2, (4, 2), vec![(8, 8)], (4, vec![6])),
            (10, 2, 2, (10, 10), vec![(2, 2)], (10, vec![0])),
            // One step scales up or down, not both; an old revision that was scaled to 0 stays.
            (3, 1, 0, (1, 1), vec![(0, 0), (3, 3)], (1, vec![0, 2])),
            // Without surge, old Pods must go first.
            (3, 0, 1, (0, 0), vec![(3, 3)], (0, vec![2])),
            // Unavailable old Pods go first, the oldest ReplicaSet's before others.
            (10, 0, 2, (0, 0), vec![(4, 4), (6, 4)], (0, vec![4, 4])),
            // Nothing is taken while the new Pods are not available.
            (4, 1, 0, (1, 0), vec![(4, 4)], (1, vec![4])),
            // An old ReplicaSet that has not yet given its Pod up still counts it as available.
            (5, 2, 1, (3, 1), vec![(4, 5)], (3, vec![3])),
            // More than wanted comes down at once.
            (3, 1, 0, (5, 5), vec![], (3, vec![])),
        ];
        for (desired, surge, unavailable, new, old, expected) in cases {
            let deployment = deployment(desired, surge, unavailable);
            let mut replica_sets = ReplicaSets {
                new: Some(replica_set("new", new.0, new.1)),
                old: old
                    .iter()
                    .map(|old| replica_set("old", old.0, old.1))
                    .collect(),
            };
            step(&deployment, &mut replica_sets);
            assert_eq!(
                sizes(&replica_sets),
                expected,
                "{desired} +{surge} -{unavailable}: {new:?} {old:?}"
            );
        }
    }
}
