//! One ReplicaSet: reads the caches, plans, applies.

use std::collections::HashMap;
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Next, ObjectKey, Recorder};

use super::plan::{Plan, plan};
use super::status::{Failure, status};
use crate::context::Context;
use crate::ownership::{Claimant, claim, controller_of, controller_reference, uid_of};
use crate::pods::{from_template, is_active, node_of};
use crate::selection::Selection;
use crate::writes::{batches, is_gone, namespace_is_terminating, only, words};

pub(super) struct Reconciler {
    context: Context,
    recorder: Recorder,
}

impl Reconciler {
    pub(super) fn new(context: Context, recorder: Recorder) -> Self {
        Self { context, recorder }
    }

    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(replica_set) = self.context.replica_sets.all.get(&key) else {
            return Ok(Next::Done);
        };
        let pods = self.pods(&replica_set).await?;
        let failure = if replica_set.metadata.deletion_timestamp.is_none() {
            self.manage(&replica_set, &pods).await
        } else {
            None
        };
        let again = self.report(&replica_set, &pods, failure.as_ref()).await?;
        match (failure, again) {
            (Some(failure), _) => Err(anyhow::anyhow!("{}: {}", failure.reason, failure.message)),
            (None, Some(after)) => Ok(Next::After(after)),
            (None, None) => Ok(Next::Done),
        }
    }

    /// All Pods that the ReplicaSet controls, whatever their state.
    async fn pods(&self, replica_set: &ReplicaSet) -> kube::Result<Vec<Arc<Pod>>> {
        let selector = replica_set
            .spec
            .as_ref()
            .map(|spec| Selection::of(&spec.selector));
        let selector = selector.unwrap_or_default();
        let claimant = Claimant {
            owner: replica_set,
            selector: &selector,
            is_member: &|_| true,
        };
        claim(&self.context, &self.context.pods, &claimant).await
    }

    /// Makes or deletes Pods; says what failed.
    async fn manage(&self, replica_set: &ReplicaSet, pods: &[Arc<Pod>]) -> Option<Failure> {
        let wanted = replica_set
            .spec
            .as_ref()
            .and_then(|spec| spec.replicas)
            .unwrap_or(1);
        let active = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
        match plan(
            wanted,
            active,
            &self.neighbours(replica_set),
            Timestamp::now(),
        ) {
            Plan::Nothing => None,
            Plan::Create(count) => self.create(replica_set, count).await,
            Plan::Delete(pods) => self.delete(replica_set, &pods).await,
        }
    }

    /// The active Pods of all ReplicaSets of the same owner, counted by node.
    fn neighbours(&self, replica_set: &ReplicaSet) -> HashMap<String, usize> {
        let family: Vec<String> = match controller_of(replica_set) {
            Some(owner) => {
                let siblings = self.context.replica_sets.by(&owner.uid);
                siblings
                    .iter()
                    .map(|sibling| uid_of(&**sibling).to_owned())
                    .collect()
            }
            None => vec![uid_of(replica_set).to_owned()],
        };
        let mut counts = HashMap::new();
        for pod in family.iter().flat_map(|uid| self.context.pods.by(uid)) {
            if let Some(node) = node_of(&pod).filter(|_| is_active(&pod)) {
                *counts.entry(node.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }

    async fn create(&self, replica_set: &ReplicaSet, count: usize) -> Option<Failure> {
        for batch in batches(count) {
            let made = join_all((0..batch).map(|_| self.create_one(replica_set))).await;
            if let Some(failure) = made.into_iter().find_map(Result::err) {
                return failure;
            }
        }
        None
    }

    /// `Err(None)` is a failure that needs no words.
    async fn create_one(&self, replica_set: &ReplicaSet) -> Result<(), Option<Failure>> {
        let namespace = replica_set.namespace().unwrap_or_default();
        let template = replica_set
            .spec
            .as_ref()
            .and_then(|spec| spec.template.clone());
        let pod = from_template(
            &template.unwrap_or_default(),
            &namespace,
            controller_reference(replica_set),
        );
        let pods: Api<Pod> = Api::namespaced(self.context.client.clone(), &namespace);
        match pods.create(&PostParams::default(), &pod).await {
            Ok(pod) => {
                let message = format!("Created pod: {}", pod.name_any());
                self.tell(replica_set, Normal, "SuccessfulCreate", message);
                self.context.caught_up(&self.context.pods.all, &pod).await;
                Ok(())
            }
            Err(error) if namespace_is_terminating(&error) => Err(None),
            Err(error) => Err(Some(self.failed(
                replica_set,
                "FailedCreate",
                "Error creating: ",
                &error,
            ))),
        }
    }

    async fn delete(&self, replica_set: &ReplicaSet, pods: &[Arc<Pod>]) -> Option<Failure> {
        let deleted = join_all(pods.iter().map(|pod| self.delete_one(replica_set, pod))).await;
        deleted.into_iter().find_map(Result::err)
    }

    async fn delete_one(&self, replica_set: &ReplicaSet, pod: &Pod) -> Result<(), Failure> {
        let namespace = pod.namespace().unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(self.context.client.clone(), &namespace);
        match pods.delete(&pod.name_any(), &only(uid_of(pod))).await {
            Ok(deleted) => {
                let message = format!("Deleted pod: {}", pod.name_any());
                self.tell(replica_set, Normal, "SuccessfulDelete", message);
                if let Some(deleted) = deleted.left() {
                    self.context
                        .caught_up(&self.context.pods.all, &deleted)
                        .await;
                }
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => Err(self.failed(replica_set, "FailedDelete", "Error deleting: ", &error)),
        }
    }

    fn failed(
        &self,
        replica_set: &ReplicaSet,
        reason: &'static str,
        prefix: &str,
        error: &kube::Error,
    ) -> Failure {
        let message = words(error);
        self.tell(replica_set, Warning, reason, format!("{prefix}{message}"));
        Failure { reason, message }
    }

    fn tell(
        &self,
        replica_set: &ReplicaSet,
        event_type: skiff_client::EventType,
        reason: &str,
        message: String,
    ) {
        self.recorder
            .event(&replica_set.object_ref(&()), event_type, reason, message);
    }

    /// Writes the status if it has changed; says when to look again.
    async fn report(
        &self,
        replica_set: &ReplicaSet,
        pods: &[Arc<Pod>],
        failure: Option<&Failure>,
    ) -> anyhow::Result<Option<std::time::Duration>> {
        let (status, again) = status(replica_set, pods, failure, Timestamp::now());
        if replica_set.status.as_ref() == Some(&status) {
            return Ok(again);
        }
        let namespace = replica_set.namespace().unwrap_or_default();
        let api: Api<ReplicaSet> = Api::namespaced(self.context.client.clone(), &namespace);
        let updated = ReplicaSet {
            status: Some(status),
            ..replica_set.clone()
        };
        let written = api
            .replace_status(&replica_set.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context
            .caught_up(&self.context.replica_sets.all, &written)
            .await;
        Ok(again)
    }
}
