//! The claims of a Pod, and where they can be met
//! (<https://kubernetes.io/docs/concepts/storage/storage-classes/#volume-binding-mode>).

mod decide;
mod storage;
#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_openapi::api::storage::v1::StorageClass;
use skiff_api::volumes::{
    SELECTED_NODE, annotation, claim_ref, is_fully_bound, refers_to, waits_for_consumer,
};

pub(crate) use storage::Storage;

/// The claims that a Pod uses; most use none.
#[derive(Clone, Debug, Default)]
pub(crate) struct PodVolumes {
    pub(crate) claims: Vec<Claim>,
    /// All volumes, if a claim is not bound yet.
    pub(crate) volumes: Vec<Arc<PersistentVolume>>,
}

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Claim {
    pub(crate) name: String,
    /// Whether it is made together with the Pod.
    pub(crate) is_ephemeral: bool,
    pub(crate) claim: Option<Arc<PersistentVolumeClaim>>,
    pub(crate) class: Option<Arc<StorageClass>>,
    /// The volume that it is bound to.
    pub(crate) volume: Option<Arc<PersistentVolume>>,
}

impl PodVolumes {
    /// What is wrong with the claims wherever the Pod goes, in the words of `FailedScheduling`.
    pub(crate) fn problem(&self) -> Option<String> {
        self.claims.iter().find_map(Claim::problem)
    }

    /// Whether every claim has its volume.
    pub(crate) fn are_bound(&self) -> bool {
        let mut claims = self.claims.iter();
        claims.all(|one| one.claim.as_deref().is_some_and(is_fully_bound))
    }

    /// Whether a claim that a volume is to be made for is to be met elsewhere, or nowhere any more.
    pub(crate) fn have_left(&self, node: &str) -> bool {
        let mut claims = self.claims.iter();
        claims.any(|one| match one.claim.as_deref() {
            None => true,
            Some(claim) if is_fully_bound(claim) => false,
            Some(claim) => match selected_node(claim) {
                Some(selected) => selected != node,
                None => !self.is_promised(claim),
            },
        })
    }

    /// Whether a volume refers to the claim already.
    fn is_promised(&self, claim: &PersistentVolumeClaim) -> bool {
        let mut references = self.volumes.iter().filter_map(|volume| claim_ref(volume));
        references.any(|reference| refers_to(reference, claim))
    }
}

impl Claim {
    fn problem(&self) -> Option<String> {
        let name = &self.name;
        let Some(claim) = self.claim.as_deref() else {
            return Some(match self.is_ephemeral {
                true => format!(
                    "waiting for ephemeral volume controller to create the persistentvolumeclaim {name:?}"
                ),
                false => format!("persistentvolumeclaim {name:?} not found"),
            });
        };
        if claim.metadata.deletion_timestamp.is_some() {
            return Some(format!("persistentvolumeclaim {name:?} is being deleted"));
        }
        let status = claim.status.as_ref();
        if status.and_then(|status| status.phase.as_deref()) == Some("Lost") {
            let spec = claim.spec.as_ref();
            let volume = spec.and_then(|spec| spec.volume_name.clone());
            return Some(format!(
                "persistentvolumeclaim {name:?} bound to non-existent persistentvolume {:?}",
                volume.unwrap_or_default()
            ));
        }
        let waits = self.class.as_deref().is_some_and(waits_for_consumer);
        (!is_fully_bound(claim) && !waits)
            .then(|| "pod has unbound immediate PersistentVolumeClaims".to_owned())
    }
}

/// The Node on which a volume is to be made for the claim.
fn selected_node(claim: &PersistentVolumeClaim) -> Option<&str> {
    annotation(claim.metadata.annotations.as_ref(), SELECTED_NODE)
}
