//! A Pod that found no place: room is made for it, if others may go, and it is told why it waits.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, Preconditions};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_client::{EventType, ObjectKey, is_not_found};

use crate::cache::nominated_node;
use crate::cluster::{Cluster, Incoming};
use crate::place::Unschedulable;
use crate::preempt::{Preemption, preempt};
use crate::scheduler::Scheduler;

impl Scheduler {
    /// Makes room for the Pod if that is possible, and tells it what became of it.
    pub(crate) async fn refuse(
        &self,
        key: &ObjectKey,
        incoming: &Incoming,
        cluster: &Cluster,
        refused: Unschedulable,
    ) -> anyhow::Result<()> {
        let budgets = match refused.candidates.is_empty() {
            true => Vec::new(),
            false => self.budgets().await?,
        };
        let pod = &incoming.pod;
        let (message, nominated) = match preempt(incoming, cluster, &refused, &budgets) {
            Ok(preemption) => {
                self.make_room(pod, &preemption).await?;
                (refused.message(None), Some(preemption.node))
            }
            Err(why) => {
                let nominated = nominated_node(pod).map(str::to_owned);
                (refused.message(Some(&why)), nominated)
            }
        };
        self.queue.refused(key, refused.by, None);
        self.tell(key, pod, &message, nominated.as_deref()).await
    }

    /// Asked for when they are needed, which is seldom; a cluster may not serve them.
    async fn budgets(&self) -> anyhow::Result<Vec<PodDisruptionBudget>> {
        let api: Api<PodDisruptionBudget> = Api::all(self.client.clone());
        match api.list(&ListParams::default()).await {
            Ok(budgets) => Ok(budgets.items),
            Err(error) => {
                let error = anyhow::Error::new(error);
                match is_not_found(&error) {
                    true => Ok(Vec::new()),
                    false => Err(error),
                }
            }
        }
    }

    /// Asks the victims to leave, each within its own grace period.
    async fn make_room(&self, pod: &Pod, preemption: &Preemption) -> anyhow::Result<()> {
        for victim in &preemption.victims {
            if victim.metadata.deletion_timestamp.is_some() {
                continue;
            }
            match self.evict(victim).await.map_err(anyhow::Error::new) {
                Err(error) if !is_not_found(&error) => return Err(error),
                _ => {}
            }
            let uid = pod.uid().unwrap_or_default();
            let message = format!("Preempted by pod {uid} on node {}", preemption.node);
            let reference = victim.object_ref(&());
            self.events
                .event(&reference, EventType::Normal, "Preempted", message);
        }
        Ok(())
    }

    async fn evict(&self, victim: &Pod) -> kube::Result<()> {
        let api = self.api(&ObjectKey::of(victim));
        let name = victim.name_any();
        let message = format!(
            "{}: preempting to accommodate a higher priority pod",
            self.name
        );
        let condition = json!({
            "type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler", "message": message,
            "lastTransitionTime": Timestamp::now(),
        });
        let patch =
            json!({ "metadata": { "uid": victim.uid() }, "status": { "conditions": [condition] } });
        api.patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch))
            .await?;
        let only = DeleteParams {
            preconditions: Some(Preconditions {
                uid: victim.uid(),
                resource_version: None,
            }),
            ..DeleteParams::default()
        };
        api.delete(&name, &only).await?;
        Ok(())
    }

    async fn tell(
        &self,
        key: &ObjectKey,
        pod: &Pod,
        message: &str,
        nominated: Option<&str>,
    ) -> anyhow::Result<()> {
        if is_told(pod, message) && nominated == nominated_node(pod) {
            return Ok(());
        }
        let reference = pod.object_ref(&());
        self.events
            .event(&reference, EventType::Warning, "FailedScheduling", message);
        let condition = json!({
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
            "lastTransitionTime": Timestamp::now(),
        });
        let mut status = json!({ "conditions": [condition] });
        if let Some(node) = nominated {
            status["nominatedNodeName"] = node.into();
        }
        let patch = Patch::Strategic(json!({ "status": status }));
        let told = self
            .api(key)
            .patch_status(&key.name, &PatchParams::default(), &patch)
            .await;
        match told.map_err(anyhow::Error::new) {
            Err(error) if !is_not_found(&error) => Err(error),
            Err(_) => Ok(()),
            Ok(told) => {
                // The next Pod to be placed must know of the room that is this one's.
                self.pods.caught_up(&told).await;
                Ok(())
            }
        }
    }
}

/// Whether the Pod's condition says so already.
fn is_told(pod: &Pod, message: &str) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions.into_iter().any(|condition| {
        condition.type_ == "PodScheduled"
            && condition.status == "False"
            && condition.message.as_deref() == Some(message)
    })
}
