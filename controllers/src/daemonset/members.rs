//! Which nodes lack their Pod, and which Pods are out of place.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use skiff_client::EventType::{Normal, Warning};

use super::fit::Fit;
use super::seen::{Place, Plan, Seen};
use super::{pod, spec};
use crate::pods::{Availability, availability, is_ready, phase};

/// Adds to `plan` what puts every Pod in its place.
pub(super) fn put_in_place(seen: &Seen<'_>, places: &[Place], plan: &mut Plan) {
    for place in places {
        match place.fit {
            Fit::No => plan.delete.extend(staying(&place.pods)),
            Fit::Runs if place.pods.is_empty() => plan.create.push(place.node.clone()),
            Fit::Runs | Fit::Stays => thin_out(seen, place, plan),
        }
    }
    // Pods for nodes that are gone; those that are bound to one are another controller's to collect.
    let is_lost = |one: &&Arc<Pod>| {
        let node = pod::target_of(one).unwrap_or_default();
        crate::pods::node_of(one).is_none() && !places.iter().any(|place| place.node == node)
    };
    plan.delete
        .extend(staying(seen.pods.iter().filter(is_lost)));
}

fn staying<'a>(pods: impl IntoIterator<Item = &'a Arc<Pod>>) -> impl Iterator<Item = Arc<Pod>> {
    let pods = pods
        .into_iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    pods.cloned()
}

/// Of several Pods on a node one stays; those that have ended make room.
fn thin_out(seen: &Seen<'_>, place: &Place, plan: &mut Plan) {
    let mut running = Vec::new();
    for one in staying(&place.pods) {
        let name = format!("{}/{}", one.namespace().unwrap_or_default(), one.name_any());
        let node = &place.node;
        match phase(&one) {
            "Failed" => {
                let words =
                    format!("Found failed daemon pod {name} on node {node}, will try to kill it");
                plan.tell.push((Warning, "FailedDaemonPod", words));
                plan.delete.push(one);
            }
            "Succeeded" => {
                let words = format!(
                    "Found succeeded daemon pod {name} on node {node}, will try to delete it"
                );
                plan.tell.push((Normal, "SucceededDaemonPod", words));
                plan.delete.push(one);
            }
            _ => running.push(one),
        }
    }
    running.sort_by_key(|pod| pod.metadata.creation_timestamp.as_ref().map(|time| time.0));
    if !matches!(seen.allowance, Some(spec::Allowance::Surge(_))) {
        plan.delete.extend(running.into_iter().skip(1));
        return;
    }
    keep_one_of_each(seen, running, plan);
}

/// In a surge a node has an old Pod and a new one, until the new one is available or the old one is of no use.
fn keep_one_of_each(seen: &Seen<'_>, running: Vec<Arc<Pod>>, plan: &mut Plan) {
    let (new, old): (Vec<_>, Vec<_>) = running
        .into_iter()
        .partition(|one| pod::hash_of(one) == seen.hash);
    plan.delete.extend(
        new.iter()
            .chain(&old)
            .filter(|one| {
                let is_first =
                    |first: Option<&Arc<Pod>>| first.is_some_and(|first| Arc::ptr_eq(first, one));
                !is_first(new.first()) && !is_first(old.first())
            })
            .cloned(),
    );
    if let (Some(new), Some(old)) = (new.first(), old.first())
        && (!is_ready(old) || is_available(seen, new))
    {
        plan.delete.push(old.clone());
    }
}

/// Whether it has been ready for long enough.
pub(super) fn is_available(seen: &Seen<'_>, one: &Pod) -> bool {
    let min_ready = spec::min_ready_seconds(seen.set);
    availability(one, min_ready, seen.now) == Availability::Available
}
