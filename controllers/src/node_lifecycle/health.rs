//! One node: whether it is heard, and what follows if not.

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::heartbeats::{Heartbeats, Pulse};
use super::plan::{Readiness, readiness, unknown};
use super::taints;
use crate::context::Context;
use crate::pods::is_ready;
use crate::writes::is_gone;

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) nodes: Informer<Node>,
    pub(super) heartbeats: std::sync::Arc<Heartbeats>,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(node) = self.nodes.get(&key) else {
            return Ok(Next::Done);
        };
        let grace = self.context.config.node_monitor_grace;
        let pulse = self.heartbeats.pulse(&key.name, grace);
        if pulse == Pulse::Silent && self.declare_lost(&node).await? {
            // The change of its conditions brings the node here again.
            return Ok(Next::Done);
        }
        if readiness(&node) == Readiness::Unknown {
            self.mark_pods_unready(&key.name).await?;
        }
        let evicts = self
            .nodes
            .list()
            .iter()
            .any(|node| readiness(node) == Readiness::True);
        if let Some(taints) = taints::plan(&node, evicts, Timestamp::now()) {
            self.taint(&node, taints).await?;
        }
        Ok(match pulse {
            Pulse::Alive(left) => Next::After(left),
            Pulse::Silent => Next::Done,
        })
    }

    /// Makes the node's conditions unknown; says whether they were not.
    async fn declare_lost(&self, node: &Node) -> kube::Result<bool> {
        let conditions = unknown(node, Timestamp::now());
        if conditions.is_empty() {
            return Ok(false);
        }
        let name = node.name_any();
        let api: Api<Node> = Api::all(self.context.client.clone());
        let patch = Patch::Strategic(json!({ "status": { "conditions": conditions } }));
        let written = api
            .patch_status(&name, &PatchParams::default(), &patch)
            .await?;
        let message = format!("Node {name} status is now: NodeNotReady");
        self.recorder
            .event(&node.object_ref(&()), Normal, "NodeNotReady", message);
        self.context.caught_up(&self.nodes, &written).await;
        Ok(true)
    }

    async fn taint(
        &self,
        node: &Node,
        taints: Vec<k8s_openapi::api::core::v1::Taint>,
    ) -> kube::Result<()> {
        let api: Api<Node> = Api::all(self.context.client.clone());
        // Without any the field goes too, as it does from lists that Go leaves out.
        let taints = (!taints.is_empty()).then_some(taints);
        let patch = json!({
            "metadata": { "resourceVersion": node.resource_version() },
            "spec": { "taints": taints },
        });
        let written = api
            .patch(
                &node.name_any(),
                &PatchParams::default(),
                &Patch::Merge(patch),
            )
            .await?;
        self.context.caught_up(&self.nodes, &written).await;
        Ok(())
    }

    /// Nobody knows how the Pods of a lost node are; Services must not send to them.
    async fn mark_pods_unready(&self, node: &str) -> kube::Result<()> {
        for pod in self
            .context
            .pods_on
            .get(node)
            .iter()
            .filter(|pod| is_ready(pod))
        {
            let api: Api<Pod> = Api::namespaced(
                self.context.client.clone(),
                &pod.namespace().unwrap_or_default(),
            );
            let patch = json!({ "status": { "conditions": [
                { "type": "Ready", "status": "False", "lastTransitionTime": Time(Timestamp::now()) }] } });
            match api
                .patch_status(
                    &pod.name_any(),
                    &PatchParams::default(),
                    &Patch::Strategic(patch),
                )
                .await
            {
                Ok(written) => {
                    self.recorder.event(
                        &pod.object_ref(&()),
                        Warning,
                        "NodeNotReady",
                        "Node is not ready",
                    );
                    self.context
                        .caught_up(&self.context.pods.all, &written)
                        .await;
                }
                Err(error) if is_gone(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
