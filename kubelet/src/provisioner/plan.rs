//! Which volume a claim gets, and when it goes.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use serde_json::json;
use skiff_api::volumes::{
    LOCAL_PATH, PROVISIONED_BY, SELECTED_NODE, STORAGE_PROVISIONER, annotation,
};

/// Keeps the object until its folder is gone, also when a user deletes it.
pub(super) const FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";

/// What a claim asks of this node.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    /// Nothing: it is bound, or another node's, or another provisioner's.
    NotOurs,
    /// What a folder cannot be.
    Refused(&'static str),
    /// This volume.
    Make(Box<PersistentVolume>),
}

/// What is to be removed of a volume.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Removal {
    Nothing,
    /// The folder, then the object.
    Everything(PathBuf),
    /// A user deletes the object, and the folder is to stay.
    ObjectOnly,
}

/// The name of the volume that is made for a claim.
pub(super) fn volume_name(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.uid().unwrap_or_default())
}

/// What the claim asks of the node; folders are below `root`.
pub(super) fn request(
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    node: &str,
    root: &Path,
) -> Request {
    let says = |key| annotation(claim.metadata.annotations.as_ref(), key);
    let spec = claim.spec.clone().unwrap_or_default();
    let is_ours = says(STORAGE_PROVISIONER) == Some(LOCAL_PATH)
        && class.provisioner == LOCAL_PATH
        && says(SELECTED_NODE) == Some(node)
        && spec.volume_name.unwrap_or_default().is_empty()
        && claim.metadata.deletion_timestamp.is_none();
    if !is_ours {
        return Request::NotOurs;
    }
    if spec.selector.is_some() {
        return Request::Refused("claim.Spec.Selector is not supported");
    }
    if spec.volume_mode.as_deref() == Some("Block") {
        return Request::Refused("volumeMode Block is not supported: the volume is a folder");
    }
    match serde_json::from_value(volume(claim, class, node, root)) {
        Ok(volume) => Request::Make(volume),
        Err(_) => Request::Refused("the claim cannot be read"),
    }
}

fn volume(
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    node: &str,
    root: &Path,
) -> serde_json::Value {
    let name = volume_name(claim);
    let (namespace, of) = (claim.namespace().unwrap_or_default(), claim.name_any());
    // A person who looks into the folders finds the claim's.
    let path = root.join(format!("{name}_{namespace}_{of}"));
    let claim = json!(claim);
    json!({
        "metadata": {
            "name": name,
            "annotations": { PROVISIONED_BY: LOCAL_PATH },
            "finalizers": [FINALIZER],
        },
        "spec": {
            "capacity": { "storage": claim["spec"]["resources"]["requests"]["storage"] },
            "accessModes": claim["spec"]["accessModes"],
            "persistentVolumeReclaimPolicy": class.reclaim_policy.as_deref().unwrap_or("Delete"),
            "storageClassName": class.name_any(),
            "volumeMode": "Filesystem",
            "claimRef": {
                "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": of,
                "uid": claim["metadata"]["uid"],
            },
            "local": { "path": path },
            "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                { "key": "kubernetes.io/hostname", "operator": "In", "values": [node] },
            ] }] } },
        },
    })
}

/// The folder of a volume that was made here.
pub(super) fn path(volume: &PersistentVolume) -> PathBuf {
    let spec = volume.spec.as_ref();
    let local = spec.and_then(|spec| spec.local.as_ref());
    local
        .map(|local| PathBuf::from(&local.path))
        .unwrap_or_default()
}

/// What is to be removed of a volume. Only what stands right below `root` is a folder of ours.
pub(super) fn removal(volume: &PersistentVolume, node: &str, root: &Path) -> Removal {
    let folder = path(volume);
    let is_ours = annotation(volume.metadata.annotations.as_ref(), PROVISIONED_BY)
        == Some(LOCAL_PATH)
        && folder.parent() == Some(root)
        && folder.file_name().is_some()
        && is_on(volume, node);
    let phase = volume.status.as_ref().and_then(|one| one.phase.as_deref());
    let spec = volume.spec.as_ref();
    let policy = spec.and_then(|spec| spec.persistent_volume_reclaim_policy.as_deref());
    let is_deleted = volume.metadata.deletion_timestamp.is_some();
    let is_kept = volume.finalizers().iter().any(|one| one == FINALIZER);
    match (phase, policy) {
        _ if !is_ours || is_deleted && !is_kept => Removal::Nothing,
        (Some("Released"), Some("Delete")) => Removal::Everything(folder),
        (Some("Bound"), _) => Removal::Nothing,
        (_, Some("Delete")) if is_deleted => Removal::Everything(folder),
        _ if is_deleted => Removal::ObjectOnly,
        _ => Removal::Nothing,
    }
}

fn is_on(volume: &PersistentVolume, node: &str) -> bool {
    let affinity = volume
        .spec
        .as_ref()
        .and_then(|spec| spec.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| affinity.required.as_ref());
    required.is_some_and(|required| {
        let mut terms = required.node_selector_terms.iter();
        terms.any(|term| {
            let mut wanted = term.match_expressions.iter().flatten();
            wanted.any(|one| one.values.iter().flatten().any(|value| value == node))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    const ROOT: &str = "/var/lib/skiff/volumes";

    fn claim(annotations: Value, spec: Value) -> PersistentVolumeClaim {
        let mut object = json!({
            "metadata": { "name": "data", "namespace": "shop", "uid": "u", "annotations": annotations },
            "spec": { "accessModes": ["ReadWriteOnce"], "resources": { "requests": { "storage": "1Gi" } } },
        });
        for (field, value) in spec.as_object().into_iter().flatten() {
            object["spec"][field] = value.clone();
        }
        serde_json::from_value(object).expect("a claim")
    }

    fn requested(claim: &PersistentVolumeClaim) -> Request {
        let class = json!({ "metadata": { "name": "standard" }, "provisioner": LOCAL_PATH });
        let class = serde_json::from_value(class).expect("a class");
        request(claim, &class, "n1", Path::new(ROOT))
    }

    fn chosen(node: &str) -> Value {
        json!({ STORAGE_PROVISIONER: LOCAL_PATH, SELECTED_NODE: node })
    }

    fn made() -> Box<PersistentVolume> {
        match requested(&claim(chosen("n1"), json!({}))) {
            Request::Make(volume) => volume,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_node_of_the_first_consumer_makes_the_volume() {
        let volume = made();
        assert_eq!(volume.name_any(), "pvc-u");
        assert_eq!(path(&volume), Path::new(ROOT).join("pvc-u_shop_data"));
        assert!(is_on(&volume, "n1") && !is_on(&volume, "n2"));
        let not_ours = [
            claim(chosen("n2"), json!({})),
            claim(json!({}), json!({})),
            claim(chosen("n1"), json!({ "volumeName": "pv1" })),
        ];
        for claim in not_ours {
            assert_eq!(requested(&claim), Request::NotOurs, "{claim:?}");
        }
        for spec in [json!({ "selector": {} }), json!({ "volumeMode": "Block" })] {
            let refused = requested(&claim(chosen("n1"), spec.clone()));
            assert!(matches!(refused, Request::Refused(_)), "{spec}");
        }
    }

    #[test]
    fn a_folder_goes_when_its_claim_is_gone_and_its_class_says_so() {
        let folder = Path::new(ROOT).join("pvc-u_shop_data");
        let everything = || Removal::Everything(folder.clone());
        let cases = [
            ("Bound", "Delete", false, Removal::Nothing),
            ("Bound", "Delete", true, Removal::Nothing),
            ("Released", "Delete", false, everything()),
            ("Released", "Retain", false, Removal::Nothing),
            ("Released", "Retain", true, Removal::ObjectOnly),
            ("Available", "Delete", true, everything()),
        ];
        for (phase, policy, deleted, expected) in cases {
            let mut object = json!(made());
            object["status"] = json!({ "phase": phase });
            object["spec"]["persistentVolumeReclaimPolicy"] = policy.into();
            if deleted {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
            }
            let volume: PersistentVolume = serde_json::from_value(object.clone()).expect("one");
            let seen = removal(&volume, "n1", Path::new(ROOT));
            assert_eq!(seen, expected, "{phase} {policy} {deleted}");
            assert_eq!(removal(&volume, "n2", Path::new(ROOT)), Removal::Nothing);
            for out in ["..", ".", "../../etc", "a/b"] {
                object["spec"]["local"]["path"] = format!("{ROOT}/{out}").into();
                let elsewhere = serde_json::from_value(object.clone()).expect("one");
                let seen = removal(&elsewhere, "n1", Path::new(ROOT));
                assert_eq!(seen, Removal::Nothing, "{out}");
            }
        }
    }
}
