//! How many Pods of a PodDisruptionBudget may be disturbed
//! (<https://kubernetes.io/docs/concepts/workloads/pods/disruptions/>).
//!
//! ```text
//!   PodDisruptionBudgets, Pods ──► scale: how many there should be ──► plan: how many are healthy ──► status
//! ```

mod plan;
mod reconcile;
mod scale;
mod wake;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use skiff_client::{Informer, WorkQueue};

use crate::context::Context;
use reconcile::Reconciler;
use scale::Scales;

/// Budgets that are looked at at a time.
const WORKERS: usize = 2;

/// Keeps the status of all budgets, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("controllermanager");
    let budgets: Informer<PodDisruptionBudget> = context.informers.all();
    let deployments: Informer<Deployment> = context.informers.all();
    let stateful_sets: Informer<StatefulSet> = context.informers.all();
    let queue = WorkQueue::new();
    wake::on_budgets(&budgets, &queue);
    wake::on_pods(&context.pods.all, &budgets, &queue);
    let reconciler = Arc::new(Reconciler {
        scales: Scales {
            client: context.client.clone(),
            deployments: deployments.clone(),
            replica_sets: context.replica_sets.all.clone(),
            stateful_sets: stateful_sets.clone(),
        },
        context: context.clone(),
        budgets: budgets.clone(),
        recorder,
    });
    let ready = async {
        budgets.ready().await;
        deployments.ready().await;
        stateful_sets.ready().await;
        context.replica_sets.all.ready().await;
        context.pods.all.ready().await;
    };
    let work = context.reconcile("disruption", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
