//! One Deployment: reads the caches, plans, applies.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{Deployment, DeploymentStatus, ReplicaSet};
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use skiff_client::EventType::{self, Normal, Warning};
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::annotations::REVISION;
use super::conditions::{PROGRESSING, condition, set};
use super::plan::{Plan, Seen, plan};
use super::replica_sets::size;
use super::revision::has_template;
use super::spec;
use crate::context::Context;
use crate::ownership::{Claimant, claim, is_controlled_by, uid_of};
use crate::pods::is_terminal;
use crate::selection::Selection;
use crate::writes::{exists, is_gone, namespace_is_terminating, only, words};

pub(super) struct Reconciler {
    context: Context,
    deployments: Informer<Deployment>,
    recorder: Recorder,
}

impl Reconciler {
    pub(super) fn new(
        context: Context,
        deployments: Informer<Deployment>,
        recorder: Recorder,
    ) -> Self {
        Self {
            context,
            deployments,
            recorder,
        }
    }

    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(deployment) = self.deployments.get(&key) else {
            return Ok(Next::Done);
        };
        let selector = deployment
            .spec
            .as_ref()
            .map(|spec| Selection::of(&spec.selector));
        let selector = selector.unwrap_or_default();
        if selector.is_everything() {
            let message =
                "This deployment is selecting all pods. A non-empty selector is required.";
            self.tell(&deployment, Warning, "SelectingAll", message.to_owned());
            return Ok(Next::Done);
        }
        let claimant = Claimant {
            owner: &*deployment,
            selector: &selector,
            is_member: &|_| true,
        };
        let replica_sets = claim(&self.context, &self.context.replica_sets, &claimant).await?;
        let plan = plan(&Seen {
            deployment: &deployment,
            running: self.running(&replica_sets),
            replica_sets: &replica_sets,
            now: Timestamp::now(),
        });
        self.apply(&deployment, &replica_sets, plan).await
    }

    /// The uids of ReplicaSets that have Pods which have not ended.
    fn running(&self, replica_sets: &[Arc<ReplicaSet>]) -> HashSet<String> {
        let runs = |uid: &str| {
            self.context
                .pods
                .by(uid)
                .iter()
                .any(|pod| !is_terminal(pod))
        };
        let uids = replica_sets
            .iter()
            .map(|replica_set| uid_of(&**replica_set));
        uids.filter(|uid| runs(uid)).map(str::to_owned).collect()
    }

    async fn apply(
        &self,
        deployment: &Deployment,
        seen: &[Arc<ReplicaSet>],
        plan: Plan,
    ) -> anyhow::Result<Next> {
        if let Some(new) = &plan.create {
            match self.create(deployment, new).await {
                Err(error) if namespace_is_terminating(&error) => return Ok(Next::Done),
                created => created?,
            }
        }
        for to in &plan.update {
            let from = seen
                .iter()
                .find(|seen| seen.metadata.uid == to.metadata.uid);
            self.update(deployment, from.map_or(0, |from| size(from)), to)
                .await?;
        }
        for old in &plan.delete {
            self.delete(old).await?;
        }
        match &plan.revision {
            Some(revision) => {
                let noted = self.note_revision(deployment, revision).await?;
                self.report(&noted, plan.status).await?;
            }
            None => self.report(deployment, plan.status).await?,
        }
        Ok(plan.again.map_or(Next::Done, Next::After))
    }

    fn replica_sets(&self, deployment: &Deployment) -> Api<ReplicaSet> {
        let namespace = deployment.namespace().unwrap_or_default();
        Api::namespaced(self.context.client.clone(), &namespace)
    }

    fn deployments(&self, deployment: &Deployment) -> Api<Deployment> {
        let namespace = deployment.namespace().unwrap_or_default();
        Api::namespaced(self.context.client.clone(), &namespace)
    }

    async fn create(&self, deployment: &Deployment, new: &ReplicaSet) -> kube::Result<()> {
        match self
            .replica_sets(deployment)
            .create(&PostParams::default(), new)
            .await
        {
            Ok(made) => {
                if size(new) > 0 {
                    self.tell_scaled(deployment, "up", &new.name_any(), 0, size(new));
                }
                self.context
                    .caught_up(&self.context.replica_sets.all, &made)
                    .await;
                Ok(())
            }
            Err(error) if exists(&error) => self.met_existing(deployment, new, error).await,
            Err(error) if namespace_is_terminating(&error) => Err(error),
            Err(error) => self.could_not_create(deployment, new, error).await,
        }
    }

    /// The name is taken: by our own ReplicaSet that the cache did not know yet, or by another template of the same
    /// hash; then the next attempt takes another name.
    async fn met_existing(
        &self,
        deployment: &Deployment,
        new: &ReplicaSet,
        error: kube::Error,
    ) -> kube::Result<()> {
        let existing = self.replica_sets(deployment).get(&new.name_any()).await?;
        if is_controlled_by(&existing, deployment) && has_template(&existing, deployment) {
            self.context
                .caught_up(&self.context.replica_sets.all, &existing)
                .await;
            return Ok(());
        }
        let mut status = deployment.status.clone().unwrap_or_default();
        status.collision_count = Some(status.collision_count.unwrap_or(0) + 1);
        self.report(deployment, status).await?;
        Err(error)
    }

    async fn could_not_create(
        &self,
        deployment: &Deployment,
        new: &ReplicaSet,
        error: kube::Error,
    ) -> kube::Result<()> {
        let reason = "ReplicaSetCreateError";
        let message = format!(
            "Failed to create new replica set {:?}: {}",
            new.name_any(),
            words(&error)
        );
        if spec::progress_deadline(deployment).is_some() {
            let mut status = deployment.status.clone().unwrap_or_default();
            let failed = condition(PROGRESSING, "False", reason, &message, Timestamp::now());
            set(status.conditions.get_or_insert_default(), failed);
            self.report(deployment, status).await?;
        }
        self.tell(deployment, Warning, reason, message);
        Err(error)
    }

    async fn update(
        &self,
        deployment: &Deployment,
        from: i32,
        to: &ReplicaSet,
    ) -> kube::Result<()> {
        let name = to.name_any();
        let updated = self
            .replica_sets(deployment)
            .replace(&name, &PostParams::default(), to)
            .await?;
        match size(to) - from {
            0 => {}
            more if more > 0 => self.tell_scaled(deployment, "up", &name, from, size(to)),
            _ => self.tell_scaled(deployment, "down", &name, from, size(to)),
        }
        self.context
            .caught_up(&self.context.replica_sets.all, &updated)
            .await;
        Ok(())
    }

    async fn delete(&self, old: &ReplicaSet) -> kube::Result<()> {
        let namespace = old.namespace().unwrap_or_default();
        let api: Api<ReplicaSet> = Api::namespaced(self.context.client.clone(), &namespace);
        match api.delete(&old.name_any(), &only(uid_of(old))).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }

    async fn note_revision(
        &self,
        deployment: &Deployment,
        revision: &str,
    ) -> kube::Result<Deployment> {
        let mut noted = deployment.clone();
        noted
            .annotations_mut()
            .insert(REVISION.to_owned(), revision.to_owned());
        self.deployments(deployment)
            .replace(&deployment.name_any(), &PostParams::default(), &noted)
            .await
    }

    /// Writes the status if it has changed.
    async fn report(&self, deployment: &Deployment, status: DeploymentStatus) -> kube::Result<()> {
        if deployment.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let updated = Deployment {
            status: Some(status),
            ..deployment.clone()
        };
        let written = self
            .deployments(deployment)
            .replace_status(&deployment.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.deployments, &written).await;
        Ok(())
    }

    fn tell_scaled(&self, deployment: &Deployment, way: &str, name: &str, from: i32, to: i32) {
        let message = format!("Scaled {way} replica set {name} from {from} to {to}");
        self.tell(deployment, Normal, "ScalingReplicaSet", message);
    }

    fn tell(&self, deployment: &Deployment, kind: EventType, reason: &str, message: String) {
        self.recorder
            .event(&deployment.object_ref(&()), kind, reason, message);
    }
}
