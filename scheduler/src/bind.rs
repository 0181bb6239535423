//! Writes what was decided: the volumes first, then the Pod's node.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    self as core, ObjectReference, PersistentVolume, PersistentVolumeClaim, Pod,
};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_api::trace::{Stage, stamp};
use skiff_api::volumes::{BOUND_BY_CONTROLLER, SELECTED_NODE};
use skiff_client::{EventType, ObjectKey, is_not_found};

use crate::cluster::{Cluster, Incoming};
use crate::scheduler::Scheduler;

/// A Pod and the node it goes to.
pub(crate) struct Binding {
    pod: Arc<Pod>,
    node: String,
}

impl Binding {
    pub(crate) fn of(pod: &Arc<Pod>, node: String) -> Self {
        Self {
            pod: pod.clone(),
            node,
        }
    }
}

impl Scheduler {
    /// Binds the Pod; it is assumed to be there already.
    pub(crate) async fn bind(&self, Binding { pod, node }: Binding) {
        let key = ObjectKey::of(&*pod);
        // The kubelet starts at the binding: the event of it comes before all of the kubelet's.
        let at = jiff::Timestamp::now();
        let bound: kube::Result<serde_json::Value> = self
            .api(&key)
            .create_subresource(
                "binding",
                &key.name,
                &PostParams::default(),
                &binding(&pod, &node),
            )
            .await;
        match bound {
            Ok(_) => {
                self.queue.remove(&key);
                stamp(Stage::Scheduled, pod.uid().unwrap_or_default(), &node);
                let message = format!("Successfully assigned {key} to {node}");
                let reference = pod.object_ref(&());
                self.events
                    .event_at(at, &reference, EventType::Normal, "Scheduled", message);
            }
            Err(error) => {
                self.cache.forget(&key);
                let error = anyhow::Error::new(error);
                if is_not_found(&error) {
                    self.queue.remove(&key);
                    return;
                }
                tracing::warn!(%key, node, error = format!("{error:#}"), "not bound, trying again");
                self.queue.failed(&key);
            }
        }
    }

    /// Tells the binder of volumes, and the provisioner, what was chosen together with the node, and waits until the
    /// caches show it.
    pub(crate) async fn choose_volumes(
        &self,
        incoming: &Incoming,
        cluster: &Cluster,
        node: &str,
    ) -> anyhow::Result<()> {
        let chosen = cluster.nodes.iter().find(|one| one.name() == node);
        let decision = chosen.map(|node| incoming.volumes.decide(&node.node));
        let Some(Ok(decision)) = decision else {
            anyhow::bail!("node {node} cannot have the Pod's volumes any more");
        };
        for (claim, volume) in &decision.bind {
            let api: Api<PersistentVolume> = Api::all(self.client.clone());
            let patch = Patch::Merge(promise(volume, claim));
            let patched = api
                .patch(&volume.name_any(), &PatchParams::default(), &patch)
                .await?;
            self.storage.volumes.caught_up(&patched).await;
        }
        for claim in &decision.provision {
            let namespace = claim.namespace().unwrap_or_default();
            let api: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), &namespace);
            let annotations = json!({ SELECTED_NODE: node });
            let patch = json!({ "metadata": { "uid": claim.uid(), "annotations": annotations } });
            let patched = api
                .patch(
                    &claim.name_any(),
                    &PatchParams::default(),
                    &Patch::Merge(patch),
                )
                .await?;
            self.storage.claims.caught_up(&patched).await;
        }
        Ok(())
    }
}

fn binding(pod: &Pod, node: &str) -> core::Binding {
    core::Binding {
        metadata: ObjectMeta {
            name: Some(pod.name_any()),
            namespace: pod.namespace(),
            uid: pod.uid(),
            ..ObjectMeta::default()
        },
        target: ObjectReference {
            api_version: Some("v1".to_owned()),
            kind: Some("Node".to_owned()),
            name: Some(node.to_owned()),
            ..ObjectReference::default()
        },
    }
}

/// The volume is the claim's from here on; if someone else has changed it meanwhile, the API server refuses that.
fn promise(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> serde_json::Value {
    json!({
        "metadata": {
            "resourceVersion": volume.metadata.resource_version,
            "annotations": { BOUND_BY_CONTROLLER: "yes" },
        },
        "spec": { "claimRef": {
            "apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": claim.namespace(),
            "name": claim.name_any(), "uid": claim.uid(),
        } },
    })
}
