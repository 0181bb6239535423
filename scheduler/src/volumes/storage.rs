//! What the cluster has of claims, volumes and classes, and which of it a Pod uses.

use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim, Pod};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::ResourceExt;
use skiff_api::volumes::{claim_names, class_of_claim, is_fully_bound};
use skiff_client::{Informer, Informers, ObjectKey};

use super::{Claim, PodVolumes};

/// The caches of what claims are about.
#[derive(Clone)]
pub(crate) struct Storage {
    pub(crate) claims: Informer<PersistentVolumeClaim>,
    pub(crate) volumes: Informer<PersistentVolume>,
    pub(crate) classes: Informer<StorageClass>,
}

impl Storage {
    pub(crate) fn new(informers: &Informers) -> Self {
        Self {
            claims: informers.all(),
            volumes: informers.all(),
            classes: informers.all(),
        }
    }

    pub(crate) async fn ready(&self) {
        self.claims.ready().await;
        self.volumes.ready().await;
        self.classes.ready().await;
    }

    /// The claims of that Pod.
    pub(crate) fn of(&self, pod: &Pod) -> PodVolumes {
        let namespace = pod.namespace().unwrap_or_default();
        let claims: Vec<Claim> = claim_names(pod)
            .map(|(volume, name)| self.claim(pod, &namespace, volume, name))
            .collect();
        let unbound = |one: &Claim| one.claim.as_deref().is_some_and(|of| !is_fully_bound(of));
        let volumes = match claims.iter().any(unbound) {
            true => self.volumes.list(),
            false => Vec::new(),
        };
        PodVolumes { claims, volumes }
    }

    fn claim(&self, pod: &Pod, namespace: &str, of: &str, name: String) -> Claim {
        let claim = self.claims.get(&ObjectKey::new(namespace, &name));
        let spec = claim.as_deref().and_then(|claim| claim.spec.as_ref());
        let volume = spec.and_then(|spec| spec.volume_name.as_deref());
        let volumes = pod
            .spec
            .iter()
            .flat_map(|spec| spec.volumes.iter().flatten());
        Claim {
            is_ephemeral: volumes
                .into_iter()
                .any(|one| one.name == of && one.ephemeral.is_some()),
            volume: volume.and_then(|name| self.volumes.get(&ObjectKey::cluster(name))),
            class: claim
                .as_deref()
                .and_then(|claim| self.classes.get(&ObjectKey::cluster(class_of_claim(claim)))),
            claim,
            name,
        }
    }
}
