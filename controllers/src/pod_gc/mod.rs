//! Pods that no kubelet will ever end are removed
//! (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-garbage-collection>).

mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::pods::node_of;
use reconcile::Reconciler;

/// Pods that are looked at at a time.
const WORKERS: usize = 2;

/// Removes lost Pods, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let nodes: Informer<Node> = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_pods(&context, &queue);
    wake_on_lost_nodes(&context, &nodes, &queue);
    let ready = async {
        nodes.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler::new(context.clone(), nodes.clone()));
    context
        .reconcile("pod-gc", ready, queue, WORKERS, move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        })
        .await
}

/// A Pod that is bound, or deleted, is looked at once.
fn wake_on_pods(context: &Context, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    context.pods.all.on_change(move |change| {
        let concerns = match change {
            Change::Added(_) => true,
            Change::Updated { old, new } => {
                let deleted = new.metadata.deletion_timestamp.is_some();
                node_of(old) != node_of(new) || deleted && old.metadata.deletion_timestamp.is_none()
            }
            Change::Deleted(_) => false,
        };
        if concerns {
            queue.add(ObjectKey::of(&**change.object()));
        }
    });
}

fn wake_on_lost_nodes(context: &Context, nodes: &Informer<Node>, queue: &WorkQueue<ObjectKey>) {
    let (queue, pods_on) = (queue.clone(), context.pods_on.clone());
    nodes.on_change(move |change| {
        if let Change::Deleted(node) = change {
            pods_on
                .get(&node.name_any())
                .iter()
                .for_each(|pod| queue.add(ObjectKey::of(&**pod)));
        }
    });
}
