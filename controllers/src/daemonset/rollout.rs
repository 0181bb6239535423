//! The next step of a rolling update, once every Pod is in its place
//! (<https://kubernetes.io/docs/tasks/manage-daemon/update-daemon-set/>).

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::members::is_available;
use super::pod;
use super::seen::{Place, Plan, Seen};
use super::spec::Allowance;

/// The Pods of a node that stay, by revision.
struct Pair<'a> {
    node: &'a str,
    new: Option<&'a Arc<Pod>>,
    old: Option<&'a Arc<Pod>>,
}

/// The pair of a node; none if it has two of a kind, which are thinned out first.
fn pair<'a>(place: &'a Place, hash: &str) -> Option<Pair<'a>> {
    let staying = place
        .pods
        .iter()
        .filter(|one| one.metadata.deletion_timestamp.is_none());
    let (new, old): (Vec<_>, Vec<_>) = staying.partition(|one| pod::hash_of(one) == hash);
    (new.len() <= 1 && old.len() <= 1).then(|| Pair {
        node: &place.node,
        new: new.first().copied(),
        old: old.first().copied(),
    })
}

/// Adds to `plan` what the update may do now.
pub(super) fn step(seen: &Seen<'_>, places: &[Place], plan: &mut Plan) {
    let inhabited = || places.iter().filter(|place| !place.pods.is_empty());
    let pairs = inhabited().map(|place| pair(place, seen.hash));
    match seen.allowance {
        Some(Allowance::Unavailable(most)) => replace(seen, pairs, most, plan),
        Some(Allowance::Surge(most)) => surge(seen, pairs, most, plan),
        None => {}
    }
}

/// Old Pods go, as many as may be missing; those that serve nobody go in any case.
fn replace<'a>(
    seen: &Seen<'_>,
    pairs: impl Iterator<Item = Option<Pair<'a>>>,
    most: usize,
    plan: &mut Plan,
) {
    let mut missing = 0;
    let mut candidates = Vec::new();
    for pair in pairs {
        match pair.map(|pair| (pair.new, pair.old)) {
            Some((None, Some(old))) if is_available(seen, old) => candidates.push(old.clone()),
            Some((None, Some(old))) => plan.delete.push(old.clone()),
            Some((Some(new), None)) if is_available(seen, new) => {}
            _ => missing += 1,
        }
    }
    let left = most.saturating_sub(missing);
    plan.delete.extend(candidates.into_iter().take(left));
}

/// New Pods come beside old ones, as many as may be too many; an old one goes when the new one is available.
fn surge<'a>(
    seen: &Seen<'_>,
    pairs: impl Iterator<Item = Option<Pair<'a>>>,
    most: usize,
    plan: &mut Plan,
) {
    let mut surging = 0;
    let mut candidates = Vec::new();
    for pair in pairs {
        let Some(pair) = pair else {
            surging += 1;
            continue;
        };
        match (pair.new, pair.old) {
            (_, None) => {}
            (None, Some(old)) if is_available(seen, old) => candidates.push(pair.node.to_owned()),
            (None, Some(_)) => plan.create.push(pair.node.to_owned()),
            (Some(new), Some(old)) if is_available(seen, new) => plan.delete.push(old.clone()),
            (Some(_), Some(_)) => surging += 1,
        }
    }
    let left = most.saturating_sub(surging);
    plan.create.extend(candidates.into_iter().take(left));
}
