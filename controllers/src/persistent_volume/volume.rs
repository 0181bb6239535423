//! What becomes of a volume.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use kube::ResourceExt;
use skiff_api::volumes::{BOUND_BY_CONTROLLER, PROVISIONED_BY, annotation, claim_ref, refers_to};

use super::claim::Told;
use super::wake::volume_of;

/// What is to be done with a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// It stays as it is.
    Nothing,
    /// It is in that phase now.
    Phase(&'static str),
    /// Its claim is gone.
    Release,
    /// It is free again: its claim took another one.
    Unbind,
    /// Nobody can do with it what its reclaim policy asks for.
    Fail(Told),
}

/// Plans the next step of a volume. `claim` is the one of the name that the volume refers to, if there is one.
pub(super) fn plan(volume: &PersistentVolume, claim: Option<&PersistentVolumeClaim>) -> Plan {
    let Some(reference) = claim_ref(volume) else {
        return phase(volume, "Available");
    };
    let has_uid = reference.uid.as_ref().is_some_and(|uid| !uid.is_empty());
    let claim = claim.filter(|claim| refers_to(reference, claim));
    match claim {
        None if !has_uid => phase(volume, "Available"),
        None => released(volume),
        Some(claim) => match volume_of(claim) {
            Some(name) if name == volume.name_any() && has_uid => phase(volume, "Bound"),
            Some(name) if name != volume.name_any() => elsewhere(volume),
            // The claim is about to be bound to it.
            _ => Plan::Nothing,
        },
    }
}

fn phase(volume: &PersistentVolume, wanted: &'static str) -> Plan {
    match current(volume) == Some(wanted) {
        true => Plan::Nothing,
        false => Plan::Phase(wanted),
    }
}

fn current(volume: &PersistentVolume) -> Option<&str> {
    volume.status.as_ref()?.phase.as_deref()
}

fn policy(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref())
        .unwrap_or("Retain")
}

fn is_provisioned(volume: &PersistentVolume) -> bool {
    annotation(volume.metadata.annotations.as_ref(), PROVISIONED_BY).is_some()
}

fn released(volume: &PersistentVolume) -> Plan {
    match (current(volume), policy(volume)) {
        (Some("Failed"), _) => Plan::Nothing,
        (Some("Released"), "Delete") if !is_provisioned(volume) => {
            Plan::Fail(Told::warning("VolumeFailedDelete", no_deleter(volume)))
        }
        (Some("Released"), "Recycle") => Plan::Fail(Told::warning(
            "VolumeFailedRecycle",
            "no volume plugin found for recycling: use dynamic provisioning instead",
        )),
        // Its provisioner removes it, or it is kept.
        (Some("Released"), _) => Plan::Nothing,
        _ => Plan::Release,
    }
}

fn no_deleter(volume: &PersistentVolume) -> String {
    let host_path = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.host_path.as_ref());
    match host_path {
        Some(source) => format!(
            "host_path deleter only supports /tmp/.+ but received provided {}",
            source.path
        ),
        None => format!(
            "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
            volume.name_any()
        ),
    }
}

/// Its claim is bound to another volume.
fn elsewhere(volume: &PersistentVolume) -> Plan {
    if is_provisioned(volume) && policy(volume) == "Delete" {
        return released(volume);
    }
    match annotation(volume.metadata.annotations.as_ref(), BOUND_BY_CONTROLLER) {
        Some(_) => Plan::Unbind,
        None => phase(volume, "Available"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{claim, volume};
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_volume_follows_its_claim() {
        let mine = json!({ "name": "data", "namespace": "default", "uid": "u" });
        let beforehand = json!({ "name": "data", "namespace": "default" });
        let older = json!({ "name": "data", "namespace": "default", "uid": "of-an-older-one" });
        let bound = claim(json!({ "spec": { "volumeName": "pv1" } }));
        let unbound = claim(json!({}));
        let elsewhere = claim(json!({ "spec": { "volumeName": "pv2" } }));
        let cases: [(Value, &str, Option<&PersistentVolumeClaim>, Plan); 9] = [
            (json!(null), "Pending", None, Plan::Phase("Available")),
            (json!(null), "Available", None, Plan::Nothing),
            (
                beforehand.clone(),
                "Pending",
                None,
                Plan::Phase("Available"),
            ),
            (beforehand, "Available", Some(&unbound), Plan::Nothing),
            (
                mine.clone(),
                "Available",
                Some(&bound),
                Plan::Phase("Bound"),
            ),
            (mine.clone(), "Bound", None, Plan::Release),
            (older, "Bound", Some(&bound), Plan::Release),
            (mine.clone(), "Released", None, Plan::Nothing),
            (mine, "Available", Some(&elsewhere), Plan::Nothing),
        ];
        for (reference, phase, claim, expected) in cases {
            let case = format!("{reference} {phase}");
            let volume = volume(
                "pv1",
                json!({ "spec": { "claimRef": reference }, "status": { "phase": phase } }),
            );
            assert_eq!(plan(&volume, claim), expected, "{case}");
        }
    }

    #[test]
    fn nobody_deletes_what_nobody_has_provisioned() {
        let mine = json!({ "name": "data", "namespace": "default", "uid": "u" });
        let made = |annotations: Value| {
            let spec = json!({ "claimRef": mine, "persistentVolumeReclaimPolicy": "Delete" });
            let metadata = json!({ "annotations": annotations });
            let status = json!({ "phase": "Released" });
            volume(
                "pv1",
                json!({ "metadata": metadata, "spec": spec, "status": status }),
            )
        };
        let provisioned = made(json!({ PROVISIONED_BY: "skiff.dev/local-path" }));
        assert_eq!(plan(&provisioned, None), Plan::Nothing);
        let words = "host_path deleter only supports /tmp/.+ but received provided /data";
        let fails = Plan::Fail(Told::warning("VolumeFailedDelete", words));
        assert_eq!(plan(&made(json!({})), None), fails);
    }
}
