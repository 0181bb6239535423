//! ReplicaSets keep a number of Pods
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/replicaset/>), and so do ReplicationControllers, their
//! elders: all of it goes by the trait that the two share.

mod kind;
mod plan;
mod reconcile;
mod status;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::ReplicaSet;
use k8s_openapi::api::core::v1::ReplicationController;
use skiff_client::{Informer, WorkQueue};

use crate::context::Context;
use crate::ownership::{wake_on_change, wake_owners};
use crate::pods::PodControl;
use kind::Replicas;
use reconcile::Reconciler;

/// ReplicaSets that are reconciled at a time.
const WORKERS: usize = 5;

/// Keeps every ReplicaSet at its wanted number of Pods, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let replica_sets = context.replica_sets.all.clone();
    keep::<ReplicaSet>(context, replica_sets, "replicaset", "replicaset-controller").await
}

/// Keeps every ReplicationController at its wanted number of Pods, until shutdown.
pub(crate) async fn run_replication_controllers(context: Context) -> anyhow::Result<()> {
    let elders: Informer<ReplicationController> = context.informers.all();
    keep(
        context,
        elders,
        "replicationcontroller",
        "replication-controller",
    )
    .await
}

async fn keep<O: Replicas>(
    context: Context,
    owners: Informer<O>,
    name: &'static str,
    component: &str,
) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder(component);
    let queue = WorkQueue::new();
    wake_on_change(&owners, &queue);
    wake_owners(
        &context.pods.all,
        &owners,
        |one| Some(one.selection()),
        &queue,
    );
    let ready = {
        let (owners, pods) = (owners.clone(), context.pods.all.clone());
        async move {
            owners.ready().await;
            pods.ready().await;
        }
    };
    let control = PodControl::new(context.clone(), recorder);
    let reconciler = Arc::new(Reconciler::new(context.clone(), owners, control));
    let work = context.reconcile(name, ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
