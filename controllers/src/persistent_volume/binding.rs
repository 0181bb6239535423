//! The two objects of a binding as they are to be written. The volume comes first: from then on nobody else takes it.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{
    ObjectReference, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus,
};
use kube::ResourceExt;
use skiff_api::volumes::{BIND_COMPLETED, BOUND_BY_CONTROLLER, claim_ref, refers_to};

use super::claim::is_bound_by_controller;
use super::wake::volume_of;

/// The volume with a reference to the claim.
pub(super) fn volume_of_claim(
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
) -> PersistentVolume {
    let mut bound = volume.clone();
    let is_users_choice = claim_ref(volume).is_some_and(|reference| refers_to(reference, claim));
    if !is_users_choice {
        mark(&mut bound.metadata.annotations, BOUND_BY_CONTROLLER);
    }
    let spec = bound.spec.get_or_insert_default();
    spec.claim_ref = Some(ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        namespace: claim.namespace(),
        name: Some(claim.name_any()),
        uid: claim.uid(),
        // The rest of an older reference says which revision the user saw; it is none of ours.
        ..ObjectReference::default()
    });
    bound
}

/// The volume without its claim.
pub(super) fn unbound(volume: &PersistentVolume) -> PersistentVolume {
    let mut free = volume.clone();
    if let Some(annotations) = &mut free.metadata.annotations {
        annotations.remove(BOUND_BY_CONTROLLER);
    }
    free.spec.get_or_insert_default().claim_ref = None;
    free
}

/// The claim with the name of the volume.
pub(super) fn claim_of_volume(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> PersistentVolumeClaim {
    let mut bound = claim.clone();
    if volume_of(claim).is_none() || is_bound_by_controller(claim) {
        mark(&mut bound.metadata.annotations, BOUND_BY_CONTROLLER);
    }
    mark(&mut bound.metadata.annotations, BIND_COMPLETED);
    bound.spec.get_or_insert_default().volume_name = Some(volume.name_any());
    bound
}

/// What a bound claim reports: it may be used as its volume can be, and is as large.
pub(super) fn claim_status(
    claim: &PersistentVolumeClaim,
    volume: &PersistentVolume,
) -> PersistentVolumeClaimStatus {
    let spec = volume.spec.as_ref();
    PersistentVolumeClaimStatus {
        phase: Some("Bound".to_owned()),
        access_modes: spec.and_then(|spec| spec.access_modes.clone()),
        capacity: spec.and_then(|spec| spec.capacity.clone()),
        ..claim.status.clone().unwrap_or_default()
    }
}

/// The volume as large as its claim wants it.
pub(super) fn grown(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> PersistentVolume {
    let mut grown = volume.clone();
    let resources = claim.spec.as_ref().and_then(|spec| spec.resources.as_ref());
    let requests = resources.and_then(|resources| resources.requests.as_ref());
    if let Some(storage) = requests.and_then(|requests| requests.get("storage")) {
        let spec = grown.spec.get_or_insert_default();
        let capacity = spec.capacity.get_or_insert_default();
        capacity.insert("storage".to_owned(), storage.clone());
    }
    grown
}

fn mark(annotations: &mut Option<BTreeMap<String, String>>, key: &str) {
    let annotations = annotations.get_or_insert_default();
    annotations
        .entry(key.to_owned())
        .or_insert_with(|| "yes".to_owned());
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{claim, volume};
    use super::*;
    use serde_json::json;

    #[test]
    fn who_chose_the_other_is_noted() {
        let bound = volume_of_claim(&volume("pv1", json!({})), &claim(json!({})));
        assert!(bound.annotations().contains_key(BOUND_BY_CONTROLLER));
        assert_eq!(
            claim_ref(&bound).and_then(|to| to.uid.as_deref()),
            Some("u")
        );
        let beforehand =
            json!({ "spec": { "claimRef": { "name": "data", "namespace": "default" } } });
        let bound = volume_of_claim(&volume("pv1", beforehand), &claim(json!({})));
        assert!(!bound.annotations().contains_key(BOUND_BY_CONTROLLER));
        assert_eq!(
            claim_ref(&bound).and_then(|to| to.uid.as_deref()),
            Some("u")
        );

        let by_controller = claim_of_volume(&claim(json!({})), &bound);
        assert_eq!(volume_of(&by_controller), Some("pv1"));
        assert_eq!(by_controller.annotations().len(), 2);
        assert_eq!(claim_of_volume(&by_controller, &bound), by_controller);
        let named = claim(json!({ "spec": { "volumeName": "pv1" } }));
        let by_user = claim_of_volume(&named, &bound);
        assert!(by_user.annotations().contains_key(BIND_COMPLETED));
        assert_eq!(by_user.annotations().len(), 1);
    }

    #[test]
    fn a_claim_is_as_large_as_its_volume() {
        let status = claim_status(&claim(json!({})), &volume("pv1", json!({})));
        let expected = json!({ "phase": "Bound", "accessModes": ["ReadWriteOnce"], "capacity": { "storage": "5Gi" } });
        assert_eq!(json!(status), expected);
        let larger =
            claim(json!({ "spec": { "resources": { "requests": { "storage": "9Gi" } } } }));
        let grown = grown(&volume("pv1", json!({})), &larger);
        assert_eq!(json!(grown.spec)["capacity"]["storage"], "9Gi");
    }
}
