//! Scaling outside of a rollout's steps: when `spec.replicas` changes, or the rollout is paused
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#proportional-scaling>).

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};

use super::annotations::{desired_replicas, max_replicas, note_replicas};
use super::replica_sets::{ReplicaSets, available_of, by_age, is_active, resize, size, wanted};
use super::spec;

/// Whether `spec.replicas` has changed since the ReplicaSets were last scaled.
pub(super) fn is_due(deployment: &Deployment, replica_sets: &ReplicaSets) -> bool {
    let desired = spec::replicas(deployment);
    replica_sets
        .all()
        .filter(|replica_set| is_active(replica_set))
        .filter_map(desired_replicas)
        .any(|noted| noted != desired)
}

/// Brings the ReplicaSets to the wanted number together.
pub(super) fn scale(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    let desired = spec::replicas(deployment);
    if let Some(only) = active_or_latest(replica_sets) {
        resize(deployment, only, desired);
        return;
    }
    if is_saturated(deployment, replica_sets.new.as_ref()) {
        for old in &mut replica_sets.old {
            resize(deployment, old, 0);
        }
        return;
    }
    if spec::is_rolling(deployment) {
        spread(deployment, replica_sets);
    }
}

/// The only active ReplicaSet; if none is active, the new or else the youngest; none if several are active.
fn active_or_latest(replica_sets: &mut ReplicaSets) -> Option<&mut ReplicaSet> {
    match replica_sets
        .all()
        .filter(|replica_set| is_active(replica_set))
        .count()
    {
        0 if replica_sets.new.is_some() => replica_sets.new.as_mut(),
        0 => replica_sets.old.last_mut(),
        1 => replica_sets
            .all_mut()
            .find(|replica_set| is_active(replica_set)),
        _ => None,
    }
}

/// Whether the new ReplicaSet does all the work already.
fn is_saturated(deployment: &Deployment, new: Option<&ReplicaSet>) -> bool {
    let desired = spec::replicas(deployment);
    new.is_some_and(|new| {
        size(new) == desired
            && desired_replicas(new) == Some(desired)
            && available_of(new) == desired
    })
}

/// Shares what is to be added or taken among the active ReplicaSets by their size; what is left over by rounding goes
/// to the largest.
fn spread(deployment: &Deployment, replica_sets: &mut ReplicaSets) {
    let desired = spec::replicas(deployment);
    let allowed = if desired > 0 {
        desired + spec::max_surge(deployment)
    } else {
        0
    };
    let to_add = allowed - wanted(replica_sets.all());
    let mut active: Vec<&mut ReplicaSet> = replica_sets
        .all_mut()
        .filter(|replica_set| is_active(replica_set))
        .collect();
    // Of two of a size the younger grows first and the older shrinks first.
    active.sort_by(|a, b| {
        let age = if to_add > 0 {
            by_age(b, a)
        } else {
            by_age(a, b)
        };
        size(b).cmp(&size(a)).then(age)
    });
    let mut added = 0;
    let mut targets = Vec::with_capacity(active.len());
    for replica_set in &active {
        let share = share(deployment, replica_set, to_add - added);
        targets.push(size(replica_set) + share);
        added += share;
    }
    if let Some(largest) = targets.first_mut() {
        *largest = (*largest + to_add - added).max(0);
    }
    for (replica_set, target) in active.into_iter().zip(targets) {
        resize(deployment, replica_set, target);
        note_replicas(deployment, replica_set);
    }
}

/// The part of `left` that falls to one ReplicaSet.
fn share(deployment: &Deployment, replica_set: &ReplicaSet, left: i32) -> i32 {
    if left == 0 {
        return 0;
    }
    let fraction = fraction(deployment, replica_set);
    if left > 0 {
        fraction.min(left)
    } else {
        fraction.max(left)
    }
}

/// By how much it would grow if it kept its part of the Deployment.
fn fraction(deployment: &Deployment, replica_set: &ReplicaSet) -> i32 {
    let size = size(replica_set);
    let desired = spec::replicas(deployment);
    if desired == 0 {
        return -size;
    }
    let status = deployment.status.as_ref();
    let before = max_replicas(replica_set)
        .filter(|before| *before > 0)
        .or_else(|| status.and_then(|status| status.replicas))
        .unwrap_or(0);
    if before <= 0 {
        return 0;
    }
    let max = f64::from(desired) + f64::from(spec::max_surge(deployment));
    (f64::from(size) * max / f64::from(before)).round() as i32 - size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::testing::{deployment, replica_set, sizes};

    #[test]
    fn replicas_are_shared_in_proportion() {
        // wanted before, wanted now, surge | new, old before | new, old after
        let cases = [
            // The documentation's example: 10 + 3 during a rollout, scaled to 15.
            (10, 15, 3, 5, vec![8], (7, vec![11])),
            (10, 5, 0, 5, vec![5], (2, vec![3])),
            (10, 0, 3, 5, vec![8], (0, vec![0])),
            (3, 5, 1, 3, vec![0], (5, vec![0])),
            (6, 20, 0, 3, vec![3], (10, vec![10])),
        ];
        for (before, now, surge, new, old, expected) in cases {
            let mut replica_sets = ReplicaSets {
                new: Some(replica_set("new", new, 0)),
                old: old
                    .iter()
                    .map(|old| replica_set("old", *old, *old))
                    .collect(),
            };
            for replica_set in replica_sets.all_mut() {
                note_replicas(&deployment(before, surge, 0), replica_set);
            }
            let deployment = deployment(now, surge, 1);
            assert!(is_due(&deployment, &replica_sets));
            scale(&deployment, &mut replica_sets);
            assert_eq!(sizes(&replica_sets), expected, "{before} to {now}");
            assert!(!is_due(&deployment, &replica_sets));
        }
    }
}
