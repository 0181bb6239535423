//! One Pod: removes it if it is lost.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use kube::api::{DeleteParams, Patch, PatchParams};
use kube::{Api, ResourceExt};
use parking_lot::Mutex;
use serde_json::json;
use skiff_client::{Informer, Next, ObjectKey};
use tokio::time::Instant;

use super::plan::{Fate, fate};
use crate::context::Context;
use crate::ownership::uid_of;
use crate::pods::{is_terminal, node_of};
use crate::writes::{is_gone, only};

pub(super) struct Reconciler {
    context: Context,
    nodes: Informer<Node>,
    /// Since when nodes are missing to which Pods are bound; an entry goes when the node is back.
    missing: Mutex<HashMap<String, Instant>>,
}

impl Reconciler {
    pub(super) fn new(context: Context, nodes: Informer<Node>) -> Self {
        Self {
            context,
            nodes,
            missing: Mutex::default(),
        }
    }

    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(pod) = self.context.pods.all.get(&key) else {
            return Ok(Next::Done);
        };
        let gone = node_of(&pod).and_then(|node| self.gone_for(node));
        match fate(&pod, gone) {
            Fate::Keep => {}
            Fate::Wait(left) => return Ok(Next::After(left)),
            Fate::Remove(why) => self.remove(&pod, why).await?,
        }
        Ok(Next::Done)
    }

    /// For how long that node has been missing, if it is.
    fn gone_for(&self, node: &str) -> Option<Duration> {
        let mut missing = self.missing.lock();
        if self.nodes.get(&ObjectKey::cluster(node)).is_some() {
            missing.remove(node);
            return None;
        }
        // Nodes that no Pod is bound to any more are of no interest.
        missing.retain(|node, _| !self.context.pods_on.get(node).is_empty());
        Some(
            missing
                .entry(node.to_owned())
                .or_insert_with(Instant::now)
                .elapsed(),
        )
    }

    async fn remove(&self, pod: &Pod, why: Option<&str>) -> kube::Result<()> {
        let name = pod.name_any();
        let api: Api<Pod> = Api::namespaced(
            self.context.client.clone(),
            &pod.namespace().unwrap_or_default(),
        );
        if let Some(why) = why.filter(|_| !is_terminal(pod)) {
            let patch = json!({ "metadata": { "uid": pod.uid() }, "status": { "phase": "Failed", "conditions": [{
                "type": "DisruptionTarget",
                "status": "True",
                "reason": "DeletionByPodGC",
                "message": why,
                "lastTransitionTime": Time(Timestamp::now()),
            }] } });
            match api
                .patch_status(&name, &PatchParams::default(), &Patch::Strategic(patch))
                .await
            {
                Err(error) if is_gone(&error) => return Ok(()),
                marked => marked?,
            };
        }
        let at_once = DeleteParams {
            grace_period_seconds: Some(0),
            ..only(uid_of(pod))
        };
        match api.delete(&name, &at_once).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }
}
