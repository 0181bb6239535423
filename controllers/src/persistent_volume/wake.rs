//! Which claims and volumes a change concerns.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use skiff_api::volumes::{claim_names, claim_ref, is_fully_bound};
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use super::{Caches, Key};
use crate::pods::node_of;

/// The claims that a Pod uses, as keys of an index.
pub(super) fn claims_of(pod: &Pod) -> Vec<String> {
    let namespace = pod.namespace().unwrap_or_default();
    claim_names(pod)
        .map(|(_, claim)| ObjectKey::new(&namespace, claim).to_string())
        .collect()
}

/// Queues what changes of claims, volumes, classes and Pods concern.
pub(super) fn follow(caches: &Caches, pods: &Informer<Pod>, queue: &WorkQueue<Key>) {
    follow_claims(caches, queue);
    follow_volumes(caches, queue);
    let (keys, claims) = (queue.clone(), caches.claims.clone());
    caches
        .classes
        .on_change(move |_| wake_unbound(&claims, &keys));
    let (keys, claims) = (queue.clone(), caches.claims.clone());
    caches.nodes.on_change(move |change| {
        if let Change::Deleted(_) = change {
            wake_unbound(&claims, &keys);
        }
    });
    let keys = queue.clone();
    pods.on_change(move |change| {
        let is_news = match change {
            Change::Updated { old, new } => node_of(old) != node_of(new),
            _ => true,
        };
        if is_news {
            let namespace = change.object().namespace().unwrap_or_default();
            for (_, claim) in claim_names(change.object()) {
                keys.add(Key::Claim(ObjectKey::new(&namespace, claim)));
            }
        }
    });
}

fn follow_claims(caches: &Caches, queue: &WorkQueue<Key>) {
    let (keys, volumes) = (queue.clone(), caches.volumes.clone());
    caches.claims.on_change(move |change| {
        let claim = change.object();
        keys.add(Key::Claim(ObjectKey::of(&**claim)));
        if let Some(volume) = volume_of(claim) {
            keys.add(Key::Volume(ObjectKey::cluster(volume)));
        }
        if let Change::Deleted(_) = change {
            for volume in volumes.list() {
                let is_its = |reference: &&_| skiff_api::volumes::refers_to(reference, claim);
                if claim_ref(&volume).filter(is_its).is_some() {
                    keys.add(Key::Volume(ObjectKey::of(&*volume)));
                }
            }
        }
    });
}

fn follow_volumes(caches: &Caches, queue: &WorkQueue<Key>) {
    let (keys, claims) = (queue.clone(), caches.claims.clone());
    caches.volumes.on_change(move |change| {
        let volume = change.object();
        keys.add(Key::Volume(ObjectKey::of(&**volume)));
        match claim_key(volume) {
            Some(claim) => keys.add(Key::Claim(claim)),
            None => wake_unbound(&claims, &keys),
        }
        // Its claim is named by the claim alone once the user has taken the reference away.
        if let Change::Updated { old, .. } = change
            && let Some(claim) = claim_key(old)
        {
            keys.add(Key::Claim(claim));
        }
    });
}

/// A free volume or a new class may be what any unbound claim waits for.
fn wake_unbound(claims: &Informer<PersistentVolumeClaim>, queue: &WorkQueue<Key>) {
    for claim in claims.list().iter().filter(|claim| !is_fully_bound(claim)) {
        queue.add(Key::Claim(ObjectKey::of(&**claim)));
    }
}

/// The volume that a claim names.
pub(super) fn volume_of(claim: &PersistentVolumeClaim) -> Option<&str> {
    let spec = claim.spec.as_ref()?;
    spec.volume_name.as_deref().filter(|name| !name.is_empty())
}

/// The claim that a volume names.
pub(super) fn claim_key(volume: &PersistentVolume) -> Option<ObjectKey> {
    let reference = claim_ref(volume)?;
    Some(ObjectKey::new(
        reference.namespace.clone().unwrap_or_default(),
        reference.name.clone().unwrap_or_default(),
    ))
}
