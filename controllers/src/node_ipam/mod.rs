//! Each node gets a part of the cluster's Pod addresses (core/v1 NodeSpec.podCIDR).

mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use skiff_client::{Informer, WorkQueue};

use crate::context::Context;
use crate::ownership::wake_on_change;
use reconcile::Reconciler;

/// One at a time, so that no part is given twice.
const WORKERS: usize = 1;

/// Gives every node its addresses, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("cidrAllocator");
    let nodes: Informer<Node> = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&nodes, &queue);
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        nodes: nodes.clone(),
        recorder,
    });
    let work = context.reconcile("node-ipam", nodes.ready(), queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
