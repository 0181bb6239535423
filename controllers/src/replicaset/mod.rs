//! ReplicaSets keep a number of Pods
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>).

mod plan;
mod reconcile;
mod status;

use std::sync::Arc;

use skiff_client::WorkQueue;

use crate::context::Context;
use crate::ownership::{wake_on_change, wake_owners};
use reconcile::Reconciler;

/// ReplicaSets that are reconciled at a time.
const WORKERS: usize = 5;

/// Keeps every ReplicaSet at its wanted number of Pods, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("replicaset-controller");
    let queue = WorkQueue::new();
    let replica_sets = &context.replica_sets.all;
    wake_on_change(replica_sets, &queue);
    wake_owners(
        &context.pods.all,
        replica_sets,
        |one| one.spec.as_ref().map(|spec| &spec.selector),
        &queue,
    );
    let ready = async {
        context.replica_sets.all.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler::new(context.clone(), recorder));
    let work = context.reconcile("replicaset", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
