//! DaemonSets keep a Pod on each node that fits
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/>).
//!
//! ```text
//!   Nodes ──► fit (which nodes, by a Pod's own rules) ─┐
//!   Pods, by the node they are for ────────────────────┴─► plan: members, then rollout ──► reconcile
//! ```

mod fit;
mod members;
mod plan;
mod pod;
mod reconcile;
mod rollout;
mod seen;
mod spec;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::Node;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::ownership::{Owned, wake_on_change, wake_owners};
use crate::pods::PodControl;
use crate::selection::Selection;
use reconcile::Reconciler;

/// DaemonSets that are reconciled at a time.
const WORKERS: usize = 2;

/// Keeps every DaemonSet's Pods, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("daemonset-controller");
    let sets: Informer<DaemonSet> = context.informers.all();
    let nodes: Informer<Node> = context.informers.all();
    let revisions = Owned::new(context.informers.all());
    let queue = WorkQueue::new();
    wake_on_change(&sets, &queue);
    wake_owners(
        &context.pods.all,
        &sets,
        |set| set.spec.as_ref().map(|spec| Selection::of(&spec.selector)),
        &queue,
    );
    wake_on_nodes(&nodes, &sets, &queue);
    let ready = async {
        sets.ready().await;
        nodes.ready().await;
        revisions.all.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        sets: sets.clone(),
        nodes: nodes.clone(),
        revisions: revisions.clone(),
        control: PodControl::new(context.clone(), recorder),
    });
    let work = context.reconcile("daemonset", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}

/// A node that comes, goes, or changes in what Pods choose by concerns all DaemonSets; its heartbeats concern none.
fn wake_on_nodes(nodes: &Informer<Node>, sets: &Informer<DaemonSet>, queue: &WorkQueue<ObjectKey>) {
    let (sets, queue) = (sets.clone(), queue.clone());
    nodes.on_change(move |change| {
        if let Change::Updated { old, new } = change
            && old.metadata.labels == new.metadata.labels
            && old.spec == new.spec
        {
            return;
        }
        let all = sets.list();
        all.iter().for_each(|set| queue.add(ObjectKey::of(&**set)));
    });
}
