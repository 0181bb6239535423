//! One object: asks the graph, asks the API server where the graph does not know, and applies the verdict.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference};
use kube::Client;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions, PropagationPolicy};
use parking_lot::{Mutex, RwLock};
use serde_json::{Value, json};
use skiff_client::{Next, WorkQueue};

use super::graph::{FOREGROUND, Graph, Node, ORPHAN, Uid};
use super::plan::{OwnerState, Step, Verdict, judge, owner_state, step};
use crate::resources::Resource;
use crate::writes::is_gone;

/// When to look again for an owner that the API server knows and the graph does not: its watch must be behind.
const OWNER_UNSEEN: Duration = Duration::from_secs(15);

/// The resources that are watched, which change with the definitions of kinds.
pub(super) type Known = Arc<RwLock<Vec<Arc<Resource>>>>;

pub(super) struct Reconciler {
    pub(super) client: Client,
    pub(super) known: Known,
    pub(super) graph: Arc<Mutex<Graph>>,
    pub(super) queue: WorkQueue<Uid>,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, uid: Uid) -> anyhow::Result<Next> {
        let (step, node) = {
            let graph = self.graph.lock();
            (step(&graph, &uid), graph.get(&uid).cloned())
        };
        let Some(node) = node else {
            return Ok(Next::Done);
        };
        match step {
            Step::Nothing => {}
            Step::Free(dependents) => {
                for dependent in dependents {
                    self.drop_references(&dependent, std::slice::from_ref(&uid))
                        .await?;
                }
                self.remove_finalizer(&uid, &node, ORPHAN).await?;
            }
            Step::Await(blocking) if blocking.is_empty() => {
                self.remove_finalizer(&uid, &node, FOREGROUND).await?;
            }
            // They wake this object when they go.
            Step::Await(blocking) => blocking.into_iter().for_each(|uid| self.queue.add(uid)),
            Step::Judge => return self.judge(&uid, &node).await,
        }
        Ok(Next::Done)
    }

    async fn judge(&self, uid: &Uid, node: &Node) -> anyhow::Result<Next> {
        let mut owners = Vec::with_capacity(node.owners.len());
        let mut unseen = false;
        for owner in &node.owners {
            let mut state = owner_state(&self.graph.lock(), node, owner);
            if state == OwnerState::Unknown {
                state = self.look_up(node, owner).await?;
                unseen |= state == OwnerState::Solid;
            }
            owners.push((owner.uid.clone(), state));
        }
        let (has_dependents, in_circle) = {
            let graph = self.graph.lock();
            let mut dependents = graph.dependents(uid).peekable();
            (
                dependents.peek().is_some(),
                dependents.any(|(_, node)| node.awaits_dependents()),
            )
        };
        match judge(node, &owners, has_dependents, in_circle) {
            Verdict::Keep => {}
            Verdict::Drop(lost) => self.drop_references(uid, &lost).await?,
            Verdict::Delete { policy, unblock } => {
                if unblock {
                    self.unblock(uid, node).await?;
                }
                self.delete(uid, node, policy).await?;
            }
        }
        Ok(if unseen {
            Next::After(OWNER_UNSEEN)
        } else {
            Next::Done
        })
    }

    /// Asks the API server for an owner.
    async fn look_up(&self, node: &Node, owner: &OwnerReference) -> kube::Result<OwnerState> {
        let group = owner
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let is_of = |resource: &&Arc<Resource>| {
            resource.api.kind == owner.kind && resource.api.group == group
        };
        let found = self.known.read().iter().find(is_of).cloned();
        let Some(resource) = found.filter(|found| !found.namespaced || !node.namespace.is_empty())
        else {
            tracing::debug!(
                object = node.name,
                owner = owner.name,
                kind = owner.kind,
                "an owner of no known kind"
            );
            return Ok(OwnerState::Unknown);
        };
        let live = resource
            .objects(&self.client, &node.namespace)
            .get_metadata_opt(&owner.name)
            .await?;
        Ok(match live {
            Some(live) if live.metadata.uid.as_ref() == Some(&owner.uid) => OwnerState::Solid,
            _ => OwnerState::Absent,
        })
    }

    /// The object as it is now; none if it is gone, which the graph then learns.
    async fn live(&self, uid: &Uid, node: &Node) -> kube::Result<Option<ObjectMeta>> {
        let objects = node.resource.objects(&self.client, &node.namespace);
        let live = objects
            .get_metadata_opt(&node.name)
            .await?
            .map(|live| live.metadata);
        let live = live.filter(|live| live.uid.as_ref() == Some(uid));
        if live.is_none() {
            let work = self.graph.lock().remove(uid);
            work.into_iter().for_each(|uid| self.queue.add(uid));
        }
        Ok(live)
    }

    async fn delete(&self, uid: &Uid, node: &Node, policy: PropagationPolicy) -> kube::Result<()> {
        let Some(live) = self.live(uid, node).await? else {
            return Ok(());
        };
        if live.owner_references.unwrap_or_default() != node.owners {
            // The watch brings the change, and the object here again.
            return Ok(());
        }
        let params = DeleteParams {
            propagation_policy: Some(policy),
            preconditions: Some(Preconditions {
                uid: Some(uid.clone()),
                resource_version: live.resource_version,
            }),
            ..DeleteParams::default()
        };
        let objects = node.resource.objects(&self.client, &node.namespace);
        match objects.delete(&node.name, &params).await {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }

    /// Removes from an object its references to these owners.
    async fn drop_references(&self, uid: &Uid, owners: &[Uid]) -> kube::Result<()> {
        let node = self.graph.lock().get(uid).cloned();
        let Some(node) = node else {
            return Ok(());
        };
        self.edit(uid, &node, |meta| {
            let mut references = meta.owner_references.clone().unwrap_or_default();
            references.retain(|reference| !owners.contains(&reference.uid));
            json!({ "ownerReferences": references })
        })
        .await
    }

    /// Lets an object's references block no owner.
    async fn unblock(&self, uid: &Uid, node: &Node) -> kube::Result<()> {
        self.edit(uid, node, |meta| {
            let mut references = meta.owner_references.clone().unwrap_or_default();
            references
                .iter_mut()
                .for_each(|reference| reference.block_owner_deletion = Some(false));
            json!({ "ownerReferences": references })
        })
        .await
    }

    async fn remove_finalizer(&self, uid: &Uid, node: &Node, finalizer: &str) -> kube::Result<()> {
        self.edit(uid, node, |meta| {
            let mut finalizers = meta.finalizers.clone().unwrap_or_default();
            finalizers.retain(|one| one != finalizer);
            json!({ "finalizers": finalizers })
        })
        .await
    }

    /// Patches the metadata of an object, if it is still the same; a conflict comes again.
    async fn edit(
        &self,
        uid: &Uid,
        node: &Node,
        patch: impl FnOnce(&ObjectMeta) -> Value,
    ) -> kube::Result<()> {
        let Some(live) = self.live(uid, node).await? else {
            return Ok(());
        };
        let mut metadata = patch(&live);
        metadata["uid"] = json!(uid);
        metadata["resourceVersion"] = json!(live.resource_version);
        let objects = node.resource.objects(&self.client, &node.namespace);
        let patch = Patch::Merge(json!({ "metadata": metadata }));
        match objects
            .patch(&node.name, &PatchParams::default(), &patch)
            .await
        {
            Err(error) if !is_gone(&error) => Err(error),
            _ => Ok(()),
        }
    }
}
