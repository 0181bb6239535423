//! Which volume suits a claim
//! (<https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding>).

use std::fmt;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::{claim_ref, class_of_claim, class_of_volume, refers_to};
use crate::{Quantity, Selector};

/// Why a volume does not suit a claim, in the words of the event `VolumeMismatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mismatch {
    /// The claim asks for more.
    Capacity,
    /// It is of another class.
    Class,
    /// One wants a file system and the other a block device.
    VolumeMode,
    /// It cannot be used in all the ways that the claim asks for.
    AccessModes,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mismatch::Capacity => "requested PV is too small",
            Mismatch::Class => "storageClassName does not match",
            Mismatch::VolumeMode => "incompatible volumeMode",
            Mismatch::AccessModes => "incompatible accessMode",
        })
    }
}

/// What is in the way of binding the claim to a volume that it names, if anything.
pub fn mismatch(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<Mismatch> {
    if capacity(volume) < requested(claim) {
        Some(Mismatch::Capacity)
    } else if class_of_volume(volume) != class_of_claim(claim) {
        Some(Mismatch::Class)
    } else if !same_mode(volume, claim) {
        Some(Mismatch::VolumeMode)
    } else if !offers_modes(volume, claim) {
        Some(Mismatch::AccessModes)
    } else {
        None
    }
}

/// The volume that suits the claim best: one that a user has bound to it beforehand, else the smallest that is free and
/// large enough; of equals the first by name. `is_eligible` says which free volumes may be taken at all.
pub fn best_match<'a>(
    claim: &PersistentVolumeClaim,
    volumes: impl IntoIterator<Item = &'a Arc<PersistentVolume>>,
    is_eligible: impl Fn(&PersistentVolume) -> bool,
) -> Option<&'a Arc<PersistentVolume>> {
    let mut best: Option<&Arc<PersistentVolume>> = None;
    for volume in volumes {
        if volume.metadata.deletion_timestamp.is_some() || mismatch(volume, claim).is_some() {
            continue;
        }
        match claim_ref(volume) {
            Some(reference) if refers_to(reference, claim) => return Some(volume),
            Some(_) => continue,
            None => {}
        }
        if !is_available(volume) || !is_selected(volume, claim) || !is_eligible(volume) {
            continue;
        }
        if best.is_none_or(|best| order(volume) < order(best)) {
            best = Some(volume);
        }
    }
    best
}

fn order(volume: &PersistentVolume) -> (Option<Quantity>, Option<&str>) {
    (capacity(volume), volume.metadata.name.as_deref())
}

fn is_available(volume: &PersistentVolume) -> bool {
    let status = volume.status.as_ref();
    status.and_then(|status| status.phase.as_deref()) == Some("Available")
}

fn is_selected(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let Some(selector) = claim.spec.as_ref().and_then(|spec| spec.selector.as_ref()) else {
        return true;
    };
    Selector::of(Some(selector))
        .is_ok_and(|selector| selector.matches(&volume.metadata.labels.as_ref()))
}

fn capacity(volume: &PersistentVolume) -> Option<Quantity> {
    let capacity = volume.spec.as_ref()?.capacity.as_ref()?.get("storage")?;
    Quantity::of(capacity).ok()
}

fn requested(claim: &PersistentVolumeClaim) -> Option<Quantity> {
    let resources = claim.spec.as_ref()?.resources.as_ref()?;
    Quantity::of(resources.requests.as_ref()?.get("storage")?).ok()
}

fn same_mode(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let of = |mode: Option<&String>| mode.map_or("Filesystem", String::as_str).to_owned();
    let volume = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_mode.as_ref());
    let claim = claim
        .spec
        .as_ref()
        .and_then(|spec| spec.volume_mode.as_ref());
    of(volume) == of(claim)
}

fn offers_modes(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    let spec = volume.spec.as_ref();
    let offered = spec
        .and_then(|spec| spec.access_modes.as_deref())
        .unwrap_or_default();
    let spec = claim.spec.as_ref();
    let wanted = spec
        .and_then(|spec| spec.access_modes.as_deref())
        .unwrap_or_default();
    wanted.iter().all(|mode| offered.contains(mode))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn volume(name: &str, storage: &str, spec: Value) -> Arc<PersistentVolume> {
        let mut object = json!({
            "metadata": { "name": name, "labels": { "disk": name } },
            "spec": { "capacity": { "storage": storage }, "accessModes": ["ReadWriteOnce"] },
            "status": { "phase": "Available" },
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        Arc::new(serde_json::from_value(object).expect("a volume"))
    }

    fn claim(spec: Value) -> PersistentVolumeClaim {
        let mut object = json!({
            "metadata": { "name": "data", "namespace": "default", "uid": "u" },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "2Gi" } } },
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        serde_json::from_value(object).expect("a claim")
    }

    #[test]
    fn the_smallest_volume_that_suits_is_taken() {
        let volumes = [
            volume("small", "1Gi", json!({})),
            volume("large", "10Gi", json!({})),
            volume("right", "3Gi", json!({})),
            volume("shared", "2Gi", json!({ "accessModes": ["ReadWriteMany"] })),
            volume("fast", "2Gi", json!({ "storageClassName": "fast" })),
            volume("raw", "2Gi", json!({ "volumeMode": "Block" })),
            volume(
                "taken",
                "2Gi",
                json!({ "claimRef": { "name": "other", "namespace": "default" } }),
            ),
        ];
        let cases = [
            (json!({}), Some("right")),
            (
                json!({ "selector": { "matchLabels": { "disk": "large" } } }),
                Some("large"),
            ),
            (json!({ "storageClassName": "fast" }), Some("fast")),
            (json!({ "volumeMode": "Block" }), Some("raw")),
            (json!({ "accessModes": ["ReadWriteMany"] }), Some("shared")),
            (json!({ "accessModes": ["ReadOnlyMany"] }), None),
            (
                json!({ "resources": { "requests": { "storage": "20Gi" } } }),
                None,
            ),
        ];
        for (spec, expected) in cases {
            let found = best_match(&claim(spec.clone()), &volumes, |_| true);
            let name = found.and_then(|volume| volume.metadata.name.as_deref());
            assert_eq!(name, expected, "{spec}");
        }
        assert!(best_match(&claim(json!({})), &volumes, |_| false).is_none());
    }

    #[test]
    fn a_volume_bound_beforehand_is_taken_before_all_others() {
        let mine = json!({ "claimRef": { "name": "data", "namespace": "default" } });
        let earlier =
            json!({ "claimRef": { "name": "data", "namespace": "default", "uid": "of-old" } });
        let volumes = [
            volume("right", "2Gi", json!({})),
            volume("old", "2Gi", earlier),
            volume("mine", "9Gi", mine),
        ];
        let found = best_match(&claim(json!({})), &volumes, |_| false).expect("one");
        assert_eq!(found.metadata.name.as_deref(), Some("mine"));
    }

    #[test]
    fn what_is_in_the_way_has_a_name() {
        let cases = [
            (json!({}), None),
            (
                json!({ "resources": { "requests": { "storage": "20Gi" } } }),
                Some("requested PV is too small"),
            ),
            (
                json!({ "storageClassName": "fast" }),
                Some("storageClassName does not match"),
            ),
            (
                json!({ "accessModes": ["ReadWriteMany"] }),
                Some("incompatible accessMode"),
            ),
            (
                json!({ "volumeMode": "Block" }),
                Some("incompatible volumeMode"),
            ),
        ];
        for (spec, expected) in cases {
            let found = mismatch(&volume("a", "2Gi", json!({})), &claim(spec.clone()));
            assert_eq!(
                found.map(|why| why.to_string()).as_deref(),
                expected,
                "{spec}"
            );
        }
    }
}
