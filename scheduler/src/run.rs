//! The loop: take a Pod, place it, bind it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::{Binding, Node, ObjectReference, Pod};
use kube::api::{ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Api, Client, Resource, ResourceExt};
use serde_json::json;
use skiff_client::{
    Change, EventType, Informer, Informers, Next, ObjectKey, Recorder, WorkQueue, is_not_found,
    reconcile_queue, recorder,
};
use tokio_util::sync::CancellationToken;

use crate::cache::{Cache, has_ended, node_of};
use crate::place::{Unschedulable, place};
use crate::waiting::{Waiting, node_may_help};

/// What the scheduler can be told.
#[derive(Clone, Debug)]
pub struct Config {
    /// The `spec.schedulerName` of the Pods it places.
    pub scheduler_name: String,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            scheduler_name: "default-scheduler".to_owned(),
        }
    }
}

/// Places Pods until `shutdown`.
///
/// # Errors
/// If a task of the scheduler panicked.
pub async fn run(
    config: Config,
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let (pods, nodes) = (informers.all::<Pod>(), informers.all::<Node>());
    let (events, writer) = recorder(client.clone(), &config.scheduler_name, None);
    let scheduler = Scheduler {
        config,
        client,
        pods: pods.clone(),
        events,
        cache: Cache::default(),
        waiting: Waiting::default(),
        turn: AtomicUsize::new(0),
    };
    let queue = WorkQueue::new();
    scheduler.follow(&pods, &nodes, &queue);
    // A Pod placed before all Nodes and Pods are known would be placed wrongly.
    let known = async { tokio::join!(nodes.ready(), pods.ready()) };
    if shutdown.run_until_cancelled(known).await.is_none() {
        return Ok(());
    }
    let scheduler = Arc::new(scheduler);
    // One at a time: each placement sees the ones before it.
    let placing = reconcile_queue("scheduler", queue, 1, shutdown.clone(), move |key| {
        let scheduler = scheduler.clone();
        async move { scheduler.schedule(key).await }
    });
    let (placed, ()) = tokio::join!(placing, writer.run(shutdown.clone()));
    placed
}

struct Scheduler {
    config: Config,
    client: Client,
    pods: Informer<Pod>,
    events: Recorder,
    cache: Cache,
    waiting: Waiting,
    turn: AtomicUsize,
}

impl Scheduler {
    fn follow(&self, pods: &Informer<Pod>, nodes: &Informer<Node>, queue: &WorkQueue<ObjectKey>) {
        let (cache, waiting, again) = (self.cache.clone(), self.waiting.clone(), queue.clone());
        nodes.on_change(move |change| {
            cache.node_changed(change);
            if node_may_help(change) {
                waiting.wake(&again);
            }
        });
        let (cache, waiting, queue) = (self.cache.clone(), self.waiting.clone(), queue.clone());
        let name = self.config.scheduler_name.clone();
        pods.on_change(move |change| {
            if cache.pod_changed(change) {
                waiting.wake(&queue);
            }
            let key = ObjectKey::of(&**change.object());
            match change {
                Change::Deleted(_) => waiting.remove(&key),
                _ if wants_place(change.object(), &name) => queue.add(key),
                _ => {}
            }
        });
    }

    async fn schedule(&self, key: ObjectKey) -> anyhow::Result<Next> {
        self.waiting.remove(&key);
        let Some(pod) = self.pods.get(&key) else {
            return Ok(Next::Done);
        };
        if !wants_place(&pod, &self.config.scheduler_name) || self.cache.holds(&key) {
            return Ok(Next::Done);
        }
        // It waits before the Nodes are looked at, so that no change from now on is missed.
        self.waiting.add(key.clone());
        let tie = self.turn.fetch_add(1, Ordering::Relaxed);
        match place(&pod, &self.cache.snapshot(), tie) {
            Ok(node) => {
                self.waiting.remove(&key);
                self.bind(&pod, &key, &node).await
            }
            Err(refused) => self.refuse(&pod, &key, &refused).await,
        }
    }

    async fn bind(&self, pod: &Arc<Pod>, key: &ObjectKey, node: &str) -> anyhow::Result<Next> {
        self.cache.assume(pod.clone(), node);
        let binding = Binding {
            metadata: ObjectMeta {
                name: Some(key.name.clone()),
                namespace: Some(key.namespace.clone()),
                uid: pod.uid(),
                ..ObjectMeta::default()
            },
            target: ObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Node".to_owned()),
                name: Some(node.to_owned()),
                ..ObjectReference::default()
            },
        };
        // The kubelet starts at the binding: the event of it comes before all of the kubelet's.
        let at = jiff::Timestamp::now();
        let bound: kube::Result<serde_json::Value> = self
            .api(key)
            .create_subresource("binding", &key.name, &PostParams::default(), &binding)
            .await;
        if let Err(error) = bound {
            self.cache.forget(key);
            let error = anyhow::Error::new(error);
            return if is_not_found(&error) {
                Ok(Next::Done)
            } else {
                Err(error.context(format!("bind to {node}")))
            };
        }
        let message = format!("Successfully assigned {key} to {node}");
        self.events.event_at(
            at,
            &pod.object_ref(&()),
            EventType::Normal,
            "Scheduled",
            message,
        );
        Ok(Next::Done)
    }

    async fn refuse(
        &self,
        pod: &Pod,
        key: &ObjectKey,
        refused: &Unschedulable,
    ) -> anyhow::Result<Next> {
        let message = refused.message();
        if !is_told(pod, &message) {
            self.events.event(
                &pod.object_ref(&()),
                EventType::Warning,
                "FailedScheduling",
                message.clone(),
            );
            let condition = json!({
                "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message,
                "lastTransitionTime": jiff::Timestamp::now(),
            });
            let patch = Patch::Strategic(json!({ "status": { "conditions": [condition] } }));
            self.api(key)
                .patch_status(&key.name, &PatchParams::default(), &patch)
                .await?;
        }
        Ok(Next::Done)
    }

    fn api(&self, key: &ObjectKey) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }
}

fn wants_place(pod: &Pod, scheduler_name: &str) -> bool {
    let spec = pod.spec.as_ref();
    let wanted = spec.and_then(|spec| spec.scheduler_name.as_deref());
    // KEP-3521: a Pod with gates is not ready to be placed.
    let gates = spec.and_then(|spec| spec.scheduling_gates.as_deref());
    gates.unwrap_or_default().is_empty()
        && node_of(pod).is_none()
        && !has_ended(pod)
        && pod.metadata.deletion_timestamp.is_none()
        && wanted.unwrap_or("default-scheduler") == scheduler_name
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_wants_a_place_when_it_is_this_schedulers_and_free_to_go() {
        let cases = [
            (json!({}), true),
            (json!({ "schedulerName": "default-scheduler" }), true),
            (json!({ "schedulerName": "another" }), false),
            (json!({ "nodeName": "n" }), false),
            (json!({ "schedulingGates": [] }), true),
            (
                json!({ "schedulingGates": [{ "name": "example.test/quota" }] }),
                false,
            ),
        ];
        for (mut spec, wants) in cases {
            spec["containers"] = json!([]);
            let pod = json!({ "metadata": { "name": "p" }, "spec": spec });
            let pod: Pod = serde_json::from_value(pod).expect("a Pod");
            assert_eq!(wants_place(&pod, "default-scheduler"), wants, "{spec}");
        }
    }
}
