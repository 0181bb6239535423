//! What the volume binder, the scheduler and the provisioner agree on: which volume suits a claim, and the annotations
//! by which they speak to each other (<https://kubernetes.io/docs/reference/labels-annotations-taints/>).

mod matching;

use k8s_openapi::api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;

pub use matching::{Mismatch, best_match, mismatch};

/// The provisioner of the class `standard`: a folder of the node on which the claim's first consumer runs.
pub const LOCAL_PATH: &str = "skiff.dev/local-path";
/// On a claim: the node of its first consumer, chosen by the scheduler.
pub const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// On a claim: who is to make a volume for it.
pub const STORAGE_PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// On a volume: who made it, and removes it.
pub const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// On a claim: it is bound, and stays so.
pub const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// On a volume or a claim: a controller chose the other, rather than a user.
pub const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// Keeps a claim while a Pod uses it.
pub const CLAIM_PROTECTION: &str = "kubernetes.io/pvc-protection";
/// Keeps a volume while it is bound.
pub const VOLUME_PROTECTION: &str = "kubernetes.io/pv-protection";

const OLD_CLASS: &str = "volume.beta.kubernetes.io/storage-class";

/// The class that a claim asks for; empty for none.
pub fn class_of_claim(claim: &PersistentVolumeClaim) -> &str {
    let spec = claim.spec.as_ref();
    annotation(claim.metadata.annotations.as_ref(), OLD_CLASS)
        .or_else(|| spec.and_then(|spec| spec.storage_class_name.as_deref()))
        .unwrap_or_default()
}

/// The class of a volume; empty for none.
pub fn class_of_volume(volume: &PersistentVolume) -> &str {
    let spec = volume.spec.as_ref();
    annotation(volume.metadata.annotations.as_ref(), OLD_CLASS)
        .or_else(|| spec.and_then(|spec| spec.storage_class_name.as_deref()))
        .unwrap_or_default()
}

/// Whether claims of the class are bound only once a Pod that uses them has a node.
pub fn waits_for_consumer(class: &StorageClass) -> bool {
    class.volume_binding_mode.as_deref() == Some("WaitForFirstConsumer")
}

/// The value of an annotation.
pub fn annotation<'a>(
    annotations: Option<&'a std::collections::BTreeMap<String, String>>,
    key: &str,
) -> Option<&'a str> {
    annotations?.get(key).map(String::as_str)
}

/// Whether the claim is bound, both ways.
pub fn is_fully_bound(claim: &PersistentVolumeClaim) -> bool {
    let spec = claim.spec.as_ref();
    let names_volume = spec
        .and_then(|spec| spec.volume_name.as_deref())
        .is_some_and(|name| !name.is_empty());
    names_volume && annotation(claim.metadata.annotations.as_ref(), BIND_COMPLETED).is_some()
}

/// Whether `reference` of a volume is to this claim: by name, and by uid if it has one.
pub fn refers_to(reference: &ObjectReference, claim: &PersistentVolumeClaim) -> bool {
    let uid = reference.uid.as_deref().filter(|uid| !uid.is_empty());
    reference.name == claim.metadata.name
        && reference.namespace == claim.metadata.namespace
        && uid.is_none_or(|uid| claim.metadata.uid.as_deref() == Some(uid))
}

/// The claim that a volume is, or is to be, bound to.
pub fn claim_ref(volume: &PersistentVolume) -> Option<&ObjectReference> {
    volume.spec.as_ref()?.claim_ref.as_ref()
}

/// Where the claim of a Pod's volume of that name is: an ephemeral volume's is named after Pod and volume.
pub fn claim_names(pod: &k8s_openapi::api::core::v1::Pod) -> impl Iterator<Item = (&str, String)> {
    let volumes = pod
        .spec
        .iter()
        .flat_map(|spec| spec.volumes.iter().flatten());
    volumes.filter_map(|volume| {
        let claim = volume.persistent_volume_claim.as_ref();
        let name = match (claim, &volume.ephemeral) {
            (Some(source), _) => source.claim_name.clone(),
            (None, Some(_)) => {
                format!("{}-{}", pod.metadata.name.as_deref()?, volume.name)
            }
            (None, None) => return None,
        };
        Some((volume.name.as_str(), name))
    })
}
