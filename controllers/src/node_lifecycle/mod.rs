//! Nodes that fall silent are marked lost, and their Pods go where they can run
//! (<https://kubernetes.io/docs/concepts/architecture/nodes/#node-controller>).
//!
//! ```text
//!   Lease, Node status ──► Heartbeats ──silence──► health: conditions, taints ──► eviction: Pods, by their tolerations
//! ```

mod eviction;
mod health;
mod heartbeats;
mod known;
mod plan;
mod taints;
mod wake;

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use skiff_client::{Informer, WorkQueue};

use crate::context::Context;
use heartbeats::Heartbeats;

/// Nodes, and Pods, that are reconciled at a time.
const WORKERS: usize = 5;

/// Watches over all nodes, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("node-controller");
    let nodes: Informer<Node> = context.informers.all();
    let leases: Informer<Lease> = context.informers.all();
    let heartbeats = Arc::new(Heartbeats::default());
    let (sick, evicted) = (WorkQueue::new(), WorkQueue::new());
    known::announce(&nodes, &recorder);
    wake::on_heartbeats(&nodes, &leases, &heartbeats);
    wake::on_nodes(&context, &nodes, &sick, &evicted);
    wake::on_pods(&context, &evicted);

    let health = Arc::new(health::Reconciler {
        context: context.clone(),
        nodes: nodes.clone(),
        heartbeats,
        recorder,
    });
    let (recorder, evictions) = context.recorder("taint-eviction-controller");
    let eviction = Arc::new(eviction::Reconciler {
        context: context.clone(),
        nodes: nodes.clone(),
        recorder,
        clocks: eviction::Clocks::default(),
    });
    let ready = || async {
        nodes.ready().await;
        leases.ready().await;
        context.pods.all.ready().await;
    };
    let watch_over = context.reconcile("node-lifecycle", ready(), sick, WORKERS, move |key| {
        let health = health.clone();
        async move { health.reconcile(key).await }
    });
    let evict = context.reconcile("taint-eviction", ready(), evicted, WORKERS, move |key| {
        let eviction = eviction.clone();
        async move { eviction.reconcile(key).await }
    });
    let shutdown = &context.shutdown;
    let (watched, evicted, (), ()) = tokio::join!(
        watch_over,
        evict,
        events.run(shutdown.clone()),
        evictions.run(shutdown.clone())
    );
    watched.and(evicted)
}
