//! One DaemonSet: reads the caches, plans, applies.

use std::collections::HashSet;
use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, DaemonSetStatus};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey};

use super::plan::plan;
use super::pod;
use super::seen::{Plan, Seen, places};
use super::status::status;
use crate::context::Context;
use crate::ownership::{Claimant, Owned, claim};
use crate::pods::PodControl;
use crate::revisions::{self, hash_of};
use crate::selection::Selection;
use crate::writes::{exists, namespace_is_terminating};

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) sets: Informer<DaemonSet>,
    pub(super) nodes: Informer<Node>,
    pub(super) revisions: Owned<ControllerRevision>,
    pub(super) control: PodControl,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(set) = self.sets.get(&key) else {
            return Ok(Next::Done);
        };
        let pods = self.claim(&set, &self.context.pods).await?;
        let history = self.claim(&set, &self.revisions).await?;
        let newest = match self.newest_revision(&set, &history).await {
            Err(error) if namespace_is_terminating(&error) => return Ok(Next::Done),
            newest => newest?,
        };
        let hash = hash_of::<DaemonSet>(&newest);
        let places = places(&set, hash, &pods, &self.nodes.list());
        let seen = Seen::new(&set, &pods, hash, &places, Timestamp::now());
        let applied = self.apply(&set, hash, plan(&seen, &places)).await;
        let collisions = set
            .status
            .as_ref()
            .and_then(|status| status.collision_count);
        let (status, again) = status(&seen, &places, collisions);
        self.report(&set, status).await?;
        applied?;
        self.forget(&set, &pods, &newest, &history).await?;
        Ok(again.map_or(Next::Done, Next::After))
    }

    async fn claim<K>(&self, set: &DaemonSet, owned: &Owned<K>) -> kube::Result<Vec<Arc<K>>>
    where
        K: skiff_client::Watched + kube::Resource<Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let selector = set.spec.as_ref().map(|spec| Selection::of(&spec.selector));
        let claimant = Claimant {
            owner: set,
            selector: &selector.unwrap_or_default(),
            is_member: &|_| true,
        };
        claim(&self.context, owned, &claimant).await
    }

    async fn newest_revision(
        &self,
        set: &DaemonSet,
        history: &[Arc<ControllerRevision>],
    ) -> kube::Result<Arc<ControllerRevision>> {
        let mut status = set.status.clone().unwrap_or_default();
        let collisions = status.collision_count.unwrap_or(0);
        let all = &self.revisions.all;
        match revisions::newest(&self.context, all, set, history, collisions).await {
            Err(clash) if exists(&clash) => {
                status.collision_count = Some(collisions + 1);
                self.report(set, status).await?;
                Err(clash)
            }
            newest => newest,
        }
    }

    async fn apply(&self, set: &DaemonSet, hash: &str, plan: Plan) -> kube::Result<()> {
        for (kind, reason, message) in plan.tell {
            self.control.tell(set, kind, reason, message);
        }
        let new: Vec<Pod> = plan
            .create
            .iter()
            .map(|node| pod::pod(set, hash, node))
            .collect();
        let made = match self.control.create(set, &new).await {
            (_, Err(error)) if namespace_is_terminating(&error) => Ok(()),
            (_, made) => made,
        };
        let going = plan.delete.iter().map(|pod| &**pod);
        made.and(self.control.delete(set, going).await)
    }

    /// Deletes the revisions that nobody needs.
    async fn forget(
        &self,
        set: &DaemonSet,
        pods: &[Arc<Pod>],
        newest: &ControllerRevision,
        history: &[Arc<ControllerRevision>],
    ) -> kube::Result<()> {
        let hashes: HashSet<&str> = pods.iter().map(|one| pod::hash_of(one)).collect();
        let in_use = history
            .iter()
            .filter(|one| hashes.contains(hash_of::<DaemonSet>(one)));
        let mut live: HashSet<String> = in_use.map(|one| one.name_any()).collect();
        live.insert(newest.name_any());
        revisions::forget(&self.context, set, history, &live).await
    }

    /// Writes the status if it has changed.
    async fn report(&self, set: &DaemonSet, status: DaemonSetStatus) -> kube::Result<()> {
        if set.status.as_ref() == Some(&status) {
            return Ok(());
        }
        let updated = DaemonSet {
            status: Some(status),
            ..set.clone()
        };
        let namespace = set.namespace().unwrap_or_default();
        let api: Api<DaemonSet> = Api::namespaced(self.context.client.clone(), &namespace);
        let written = api
            .replace_status(&set.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.sets, &written).await;
        Ok(())
    }
}
