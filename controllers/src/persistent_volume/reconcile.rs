//! One claim or one volume: reads the caches, plans, applies.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    Node, PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimStatus,
    PersistentVolumeStatus,
};
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::{Value, json};
use skiff_api::volumes::{SELECTED_NODE, STORAGE_PROVISIONER, class_of_claim, refers_to};
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Next, ObjectKey, Recorder};

use super::claim::Told;
use super::{Caches, Key, binding, claim, volume, wake};
use crate::context::Context;

/// The older name of [`STORAGE_PROVISIONER`], which provisioners may still look for.
const OLD_STORAGE_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) caches: Caches,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: Key) -> anyhow::Result<Next> {
        match key {
            Key::Claim(key) => {
                if let Some(claim) = self.caches.claims.get(&key) {
                    self.claim(&key, &claim).await?;
                }
            }
            Key::Volume(key) => {
                if let Some(volume) = self.caches.volumes.get(&key) {
                    self.volume(&volume).await?;
                }
            }
        }
        Ok(Next::Done)
    }

    async fn claim(&self, key: &ObjectKey, claim: &PersistentVolumeClaim) -> kube::Result<()> {
        let class = ObjectKey::cluster(class_of_claim(claim));
        let class = self.caches.classes.get(&class);
        let plan = claim::plan(&claim::Input {
            claim,
            volumes: &self.caches.volumes.list(),
            class: class.as_deref(),
            users: &self.caches.users.get(&key.to_string()),
            any_node: self.any_node().as_deref(),
            is_node_gone: self.is_node_gone(claim),
        });
        match plan {
            claim::Plan::Nothing => Ok(()),
            claim::Plan::Pending(why) => self.claim_phase(claim, "Pending", why).await,
            claim::Plan::Lost(why) => self.claim_phase(claim, "Lost", Some(why)).await,
            claim::Plan::Bind(volume) => self.bind(claim, &volume).await,
            claim::Plan::Provision { provisioner, node } => {
                self.ask(claim, &provisioner, node.as_deref()).await
            }
            claim::Plan::Reschedule => self.reschedule(claim).await,
            claim::Plan::Expand(volume) => self.expand(claim, &volume).await,
        }
    }

    /// A Node that is ready and takes Pods, the first by name.
    fn any_node(&self) -> Option<String> {
        let nodes = self.caches.nodes.list();
        let fits = |node: &&Arc<Node>| {
            let spec = node.spec.as_ref();
            spec.and_then(|spec| spec.unschedulable) != Some(true)
                && node
                    .status
                    .iter()
                    .flat_map(|status| status.conditions.iter().flatten())
                    .any(|one| one.type_ == "Ready" && one.status == "True")
        };
        nodes.iter().filter(fits).map(|node| node.name_any()).min()
    }

    fn is_node_gone(&self, claim: &PersistentVolumeClaim) -> bool {
        let selected = claim.annotations().get(SELECTED_NODE);
        selected.is_some_and(|node| self.caches.nodes.get(&ObjectKey::cluster(node)).is_none())
    }

    async fn reschedule(&self, claim: &PersistentVolumeClaim) -> kube::Result<()> {
        self.annotate(claim, &json!({ SELECTED_NODE: null })).await
    }

    async fn annotate(
        &self,
        claim: &PersistentVolumeClaim,
        annotations: &Value,
    ) -> kube::Result<()> {
        let patch = json!({ "metadata": { "uid": claim.uid(), "annotations": annotations } });
        let patched = self
            .claims(claim)
            .patch(
                &claim.name_any(),
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await?;
        self.context.caught_up(&self.caches.claims, &patched).await;
        Ok(())
    }

    async fn bind(&self, claim: &PersistentVolumeClaim, name: &str) -> kube::Result<()> {
        let Some(volume) = self.caches.volumes.get(&ObjectKey::cluster(name)) else {
            return Ok(());
        };
        let volume = self
            .put_volume(&volume, binding::volume_of_claim(&volume, claim))
            .await?;
        self.volume_phase(&volume, "Bound", None).await?;
        let wanted = binding::claim_of_volume(claim, &volume);
        let claim = match wanted == *claim {
            true => wanted,
            false => {
                let replaced = self
                    .claims(claim)
                    .replace(&claim.name_any(), &PostParams::default(), &wanted)
                    .await?;
                self.context.caught_up(&self.caches.claims, &replaced).await;
                replaced
            }
        };
        let status = binding::claim_status(&claim, &volume);
        self.put_claim_status(&claim, status).await
    }

    /// Calls the provisioner of the class; it looks for the annotation.
    async fn ask(
        &self,
        claim: &PersistentVolumeClaim,
        provisioner: &str,
        node: Option<&str>,
    ) -> kube::Result<()> {
        let known = |key: &str| claim.annotations().get(key).map(String::as_str);
        if known(STORAGE_PROVISIONER) != Some(provisioner) || node.is_some() {
            let mut annotations =
                json!({ STORAGE_PROVISIONER: provisioner, OLD_STORAGE_PROVISIONER: provisioner });
            if let Some(node) = node {
                annotations[SELECTED_NODE] = node.into();
            }
            self.annotate(claim, &annotations).await?;
        }
        let message = format!(
            "Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the \
             system administrator. If volume creation is delayed, please verify that the provisioner is running and \
             correctly registered."
        );
        let told = Told {
            is_warning: false,
            reason: "ExternalProvisioning",
            message,
        };
        self.claim_phase(claim, "Pending", Some(told)).await
    }

    async fn expand(&self, claim: &PersistentVolumeClaim, name: &str) -> kube::Result<()> {
        let Some(volume) = self.caches.volumes.get(&ObjectKey::cluster(name)) else {
            return Ok(());
        };
        let grown = self
            .put_volume(&volume, binding::grown(&volume, claim))
            .await?;
        self.recorder.event(
            &claim.object_ref(&()),
            Normal,
            "VolumeResizeSuccessful",
            "Resize volume succeeded",
        );
        let status = binding::claim_status(claim, &grown);
        self.put_claim_status(claim, status).await
    }

    async fn volume(&self, volume: &PersistentVolume) -> kube::Result<()> {
        let claim = match wake::claim_key(volume) {
            Some(key) => self.caches.claims.get(&key),
            None => None,
        };
        match volume::plan(volume, claim.as_deref()) {
            volume::Plan::Nothing => Ok(()),
            volume::Plan::Phase(phase) => self.volume_phase(volume, phase, None).await,
            volume::Plan::Release => match self.is_claimed(volume).await? {
                true => Ok(()),
                false => self.volume_phase(volume, "Released", None).await,
            },
            volume::Plan::Unbind => {
                let free = self.put_volume(volume, binding::unbound(volume)).await?;
                self.volume_phase(&free, "Available", None).await
            }
            volume::Plan::Fail(why) => {
                let reference = volume.object_ref(&());
                self.recorder
                    .event(&reference, Warning, why.reason, why.message.clone());
                self.volume_phase(volume, "Failed", Some(why.message)).await
            }
        }
    }

    /// Whether the API server has the claim, whatever the cache says: what is released may be removed.
    async fn is_claimed(&self, volume: &PersistentVolume) -> kube::Result<bool> {
        let reference = skiff_api::volumes::claim_ref(volume);
        let Some((key, reference)) = wake::claim_key(volume).zip(reference) else {
            return Ok(false);
        };
        let api: Api<PersistentVolumeClaim> =
            Api::namespaced(self.context.client.clone(), &key.namespace);
        let found = api.get_opt(&key.name).await?;
        Ok(found.is_some_and(|claim| refers_to(reference, &claim)))
    }

    async fn claim_phase(
        &self,
        claim: &PersistentVolumeClaim,
        phase: &str,
        why: Option<Told>,
    ) -> kube::Result<()> {
        if let Some(why) = why {
            let kind = if why.is_warning { Warning } else { Normal };
            self.recorder
                .event(&claim.object_ref(&()), kind, why.reason, why.message);
        }
        let status = PersistentVolumeClaimStatus {
            phase: Some(phase.to_owned()),
            ..claim.status.clone().unwrap_or_default()
        };
        self.put_claim_status(claim, status).await
    }

    async fn put_claim_status(
        &self,
        claim: &PersistentVolumeClaim,
        status: PersistentVolumeClaimStatus,
    ) -> kube::Result<()> {
        if claim.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let patch = Patch::Merge(json!({ "metadata": { "uid": claim.uid() }, "status": status }));
        let patched = self
            .claims(claim)
            .patch_status(&claim.name_any(), &PatchParams::default(), &patch)
            .await?;
        self.context.caught_up(&self.caches.claims, &patched).await;
        Ok(())
    }

    async fn put_volume(
        &self,
        old: &PersistentVolume,
        new: PersistentVolume,
    ) -> kube::Result<PersistentVolume> {
        if new == *old {
            return Ok(new);
        }
        let replaced = self
            .volumes()
            .replace(&old.name_any(), &PostParams::default(), &new)
            .await?;
        self.context
            .caught_up(&self.caches.volumes, &replaced)
            .await;
        Ok(replaced)
    }

    async fn volume_phase(
        &self,
        volume: &PersistentVolume,
        phase: &str,
        message: Option<String>,
    ) -> kube::Result<()> {
        let status = volume.status.clone().unwrap_or_default();
        if status.phase.as_deref() == Some(phase) {
            return Ok(());
        }
        let status = PersistentVolumeStatus {
            phase: Some(phase.to_owned()),
            message,
            reason: None,
            last_phase_transition_time: Some(k8s_openapi::apimachinery::pkg::apis::meta::v1::Time(
                jiff::Timestamp::now(),
            )),
        };
        let updated = PersistentVolume {
            status: Some(status),
            ..volume.clone()
        };
        let written = self
            .volumes()
            .replace_status(&volume.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.caches.volumes, &written).await;
        Ok(())
    }

    fn claims(&self, claim: &PersistentVolumeClaim) -> Api<PersistentVolumeClaim> {
        Api::namespaced(
            self.context.client.clone(),
            &claim.namespace().unwrap_or_default(),
        )
    }

    fn volumes(&self) -> Api<PersistentVolume> {
        Api::all(self.context.client.clone())
    }
}
