//! One StatefulSet: reads the caches, plans, applies.

use std::sync::Arc;

use anyhow::Context as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{StatefulSet, StatefulSetStatus};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Next, ObjectKey};

use super::history::Revisions;
use super::plan::{Action, Revision, Seen, plan};
use super::status::status;
use super::{Reconciler, claims, identity};
use crate::ownership::{Claimant, claim, uid_of};
use crate::revisions::template;
use crate::selection::Selection;
use crate::writes::{exists, is_gone, namespace_is_terminating, only, words};

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(set) = self.sets.get(&key) else {
            return Ok(Next::Done);
        };
        let selector = set
            .spec
            .as_ref()
            .map(|spec| Selection::of(&spec.selector))
            .unwrap_or_default();
        let is_member = |pod: &Pod| identity::ordinal(&set, pod).is_some();
        let of_pods = Claimant {
            owner: &*set,
            selector: &selector,
            is_member: &is_member,
        };
        let pods = claim(&self.context, &self.context.pods, &of_pods).await?;
        let of_revisions = Claimant {
            owner: &*set,
            selector: &selector,
            is_member: &|_| true,
        };
        let history = claim(&self.context, &self.revisions, &of_revisions).await?;
        let revisions = match self.revisions(&set, &history).await {
            Err(error) if namespace_is_terminating(&error) => return Ok(Next::Done),
            revisions => revisions?,
        };
        let seen = Seen {
            set: &set,
            pods: &pods,
            current: &revisions.current.name_any(),
            update: &revisions.update.name_any(),
            now: Timestamp::now(),
        };
        self.settle_claims(&set, &pods).await?;
        for action in plan(&seen) {
            self.apply(&set, &revisions, action).await?;
        }
        let (status, again) = status(&seen, revisions.collisions);
        self.report(&set, status).await?;
        self.forget(&set, &seen, &history).await?;
        Ok(again.map_or(Next::Done, Next::After))
    }

    async fn apply(
        &self,
        set: &StatefulSet,
        revisions: &Revisions,
        action: Action,
    ) -> anyhow::Result<()> {
        match action {
            Action::Delete(pod) => Ok(self.delete(set, &pod).await?),
            Action::Create(ordinal, revision) => {
                let revision = match revision {
                    Revision::Current => &revisions.current,
                    Revision::Update => &revisions.update,
                };
                let name = revision.name_any();
                let template = template(revision).with_context(|| format!("revision {name}"))?;
                let pod = identity::pod(set, &template, &name, ordinal);
                self.create(set, &pod, ordinal).await
            }
        }
    }

    async fn create(&self, set: &StatefulSet, pod: &Pod, ordinal: i32) -> anyhow::Result<()> {
        for claim in claims::claims(set, ordinal) {
            self.create_claim(set, pod, &claim).await?;
        }
        let created = self
            .api::<Pod>(set)
            .create(&PostParams::default(), pod)
            .await;
        match created {
            Ok(made) => {
                self.tell(set, "create", pod, Ok(()));
                self.context.caught_up(&self.context.pods.all, &made).await;
                Ok(())
            }
            Err(error) if namespace_is_terminating(&error) => Ok(()),
            Err(error) => {
                self.tell(set, "create", pod, Err(&error));
                Err(error.into())
            }
        }
    }

    async fn create_claim(
        &self,
        set: &StatefulSet,
        pod: &Pod,
        claim: &PersistentVolumeClaim,
    ) -> kube::Result<()> {
        if self.claims.get(&ObjectKey::of(claim)).is_some() {
            return Ok(());
        }
        let (claim_name, pod, owner) = (claim.name_any(), pod.name_any(), set.name_any());
        match self
            .api::<PersistentVolumeClaim>(set)
            .create(&PostParams::default(), claim)
            .await
        {
            Ok(_) => {
                let message =
                    format!("create Claim {claim_name} Pod {pod} in StatefulSet {owner} success");
                self.recorder
                    .event(&set.object_ref(&()), Normal, "SuccessfulCreate", message);
                Ok(())
            }
            Err(error) if exists(&error) => Ok(()),
            Err(error) => {
                let why = words(&error);
                let message = format!(
                    "create Claim {claim_name} for Pod {pod} in StatefulSet {owner} failed error: {why}"
                );
                self.recorder
                    .event(&set.object_ref(&()), Warning, "FailedCreate", message);
                Err(error)
            }
        }
    }

    /// Lets the claims of Pods go with whom the policy says, before any of them goes.
    async fn settle_claims(&self, set: &StatefulSet, pods: &[Arc<Pod>]) -> kube::Result<()> {
        if set.metadata.deletion_timestamp.is_some() {
            return Ok(());
        }
        for pod in pods {
            let Some(ordinal) = identity::ordinal(set, pod) else {
                continue;
            };
            for claim in claims::claims(set, ordinal) {
                let Some(known) = self.claims.get(&ObjectKey::of(&claim)) else {
                    continue;
                };
                let Some(owners) = claims::corrected(&known, set, ordinal, pod) else {
                    continue;
                };
                let mut corrected = (*known).clone();
                corrected.metadata.owner_references = Some(owners);
                let written = self
                    .api::<PersistentVolumeClaim>(set)
                    .replace(&known.name_any(), &PostParams::default(), &corrected)
                    .await?;
                self.context.caught_up(&self.claims, &written).await;
            }
        }
        Ok(())
    }

    async fn delete(&self, set: &StatefulSet, pod: &Pod) -> kube::Result<()> {
        match self
            .api::<Pod>(set)
            .delete(&pod.name_any(), &only(uid_of(pod)))
            .await
        {
            Ok(deleted) => {
                self.tell(set, "delete", pod, Ok(()));
                if let Some(deleted) = deleted.left() {
                    self.context
                        .caught_up(&self.context.pods.all, &deleted)
                        .await;
                }
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => {
                self.tell(set, "delete", pod, Err(&error));
                Err(error)
            }
        }
    }

    fn tell(&self, set: &StatefulSet, verb: &str, pod: &Pod, outcome: Result<(), &kube::Error>) {
        let noun = if verb == "create" { "Create" } else { "Delete" };
        let what = format!(
            "{verb} Pod {} in StatefulSet {}",
            pod.name_any(),
            set.name_any()
        );
        let (kind, reason, message) = match outcome {
            Ok(()) => (
                Normal,
                format!("Successful{noun}"),
                format!("{what} successful"),
            ),
            Err(error) => (
                Warning,
                format!("Failed{noun}"),
                format!("{what} failed error: {}", words(error)),
            ),
        };
        self.recorder
            .event(&set.object_ref(&()), kind, &reason, message);
    }

    /// Writes the status if it has changed.
    pub(super) async fn report(
        &self,
        set: &StatefulSet,
        status: StatefulSetStatus,
    ) -> kube::Result<()> {
        if set.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let updated = StatefulSet {
            status: Some(status),
            ..set.clone()
        };
        let written = self
            .api::<StatefulSet>(set)
            .replace_status(&set.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.sets, &written).await;
        Ok(())
    }

    pub(super) fn api<K>(&self, set: &StatefulSet) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(
            self.context.client.clone(),
            &set.namespace().unwrap_or_default(),
        )
    }
}
