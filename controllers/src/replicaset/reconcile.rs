//! One ReplicaSet: reads the caches, plans, applies.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey};

use super::kind::Replicas;
use super::plan::{Plan, plan};
use super::status::{Failure, status};
use crate::context::Context;
use crate::ownership::{Claimant, claim, controller_of, controller_reference, uid_of};
use crate::pods::{PodControl, from_template, is_active, node_of};
use crate::writes::{namespace_is_terminating, words};

pub(super) struct Reconciler<O> {
    context: Context,
    owners: Informer<O>,
    control: PodControl,
}

impl<O: Replicas> Reconciler<O> {
    pub(super) fn new(context: Context, owners: Informer<O>, control: PodControl) -> Self {
        Self {
            context,
            owners,
            control,
        }
    }

    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(owner) = self.owners.get(&key) else {
            return Ok(Next::Done);
        };
        let pods = self.pods(&owner).await?;
        let replica_set = owner.as_replica_set();
        let failure = if replica_set.metadata.deletion_timestamp.is_none() {
            self.manage(&owner, &replica_set, &pods).await
        } else {
            None
        };
        let (status, again) = status(&replica_set, &pods, failure.as_ref(), Timestamp::now());
        self.report(&owner, owner.with_status(status)).await?;
        match (failure, again) {
            (Some(failure), _) => Err(anyhow::anyhow!("{}: {}", failure.reason, failure.message)),
            (None, Some(after)) => Ok(Next::After(after)),
            (None, None) => Ok(Next::Done),
        }
    }

    /// All Pods that it controls, whatever their state.
    async fn pods(&self, owner: &O) -> kube::Result<Vec<Arc<Pod>>> {
        let claimant = Claimant {
            owner,
            selector: &owner.selection(),
            is_member: &|_| true,
        };
        claim(&self.context, &self.context.pods, &claimant).await
    }

    /// Makes or deletes Pods; says what failed.
    async fn manage(
        &self,
        owner: &O,
        replica_set: &ReplicaSet,
        pods: &[Arc<Pod>],
    ) -> Option<Failure> {
        let spec = replica_set.spec.as_ref();
        let wanted = spec.and_then(|spec| spec.replicas).unwrap_or(1);
        let active = pods.iter().filter(|pod| is_active(pod)).cloned().collect();
        let (reason, done) = match plan(wanted, active, &self.neighbours(owner), Timestamp::now()) {
            Plan::Nothing => return None,
            Plan::Create(count) => {
                let template = spec
                    .and_then(|spec| spec.template.clone())
                    .unwrap_or_default();
                let namespace = owner.namespace().unwrap_or_default();
                let pod = from_template(&template, &namespace, controller_reference(owner));
                let (_, made) = self.control.create(owner, &vec![pod; count]).await;
                ("FailedCreate", made)
            }
            Plan::Delete(pods) => {
                let pods = pods.iter().map(|pod| &**pod);
                ("FailedDelete", self.control.delete(owner, pods).await)
            }
        };
        let error = done
            .err()
            .filter(|error| !namespace_is_terminating(error))?;
        Some(Failure {
            reason,
            message: words(&error),
        })
    }

    /// The active Pods of all ReplicaSets of the same owner, counted by node.
    fn neighbours(&self, owner: &O) -> HashMap<String, usize> {
        let family: Vec<String> = match controller_of(owner) {
            Some(grandparent) => {
                let siblings = self.context.replica_sets.by(&grandparent.uid);
                siblings
                    .iter()
                    .map(|sibling| uid_of(&**sibling).to_owned())
                    .collect()
            }
            None => vec![uid_of(owner).to_owned()],
        };
        let mut counts = HashMap::new();
        for pod in family.iter().flat_map(|uid| self.context.pods.by(uid)) {
            if let Some(node) = node_of(&pod).filter(|_| is_active(&pod)) {
                *counts.entry(node.to_owned()).or_insert(0) += 1;
            }
        }
        counts
    }

    /// Writes the status if it has changed.
    async fn report(&self, owner: &O, updated: O) -> kube::Result<()> {
        if *owner == updated {
            return Ok(());
        }
        let namespace = owner.namespace().unwrap_or_default();
        let api: Api<O> = Api::namespaced(self.context.client.clone(), &namespace);
        let written = api
            .replace_status(&owner.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.owners, &written).await;
        Ok(())
    }
}
