//! Deployments roll out templates through ReplicaSets
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/deployment/>).

mod annotations;
mod conditions;
mod history;
mod plan;
mod reconcile;
mod recreate;
mod replica_sets;
mod revision;
mod rolling;
mod scale;
mod spec;
mod status;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::Arc;

use skiff_client::WorkQueue;

use crate::context::Context;
use reconcile::Reconciler;

/// Deployments that are reconciled at a time.
const WORKERS: usize = 5;

/// Rolls out every Deployment, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("deployment-controller");
    let deployments = context.informers.all();
    let queue = WorkQueue::new();
    wake::on_changes(&context, &deployments, &queue);
    let ready = async {
        deployments.ready().await;
        context.replica_sets.all.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler::new(
        context.clone(),
        deployments.clone(),
        recorder,
    ));
    let work = context.reconcile("deployment", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
