//! Counts what a new or changed ResourceQuota is about (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>).
//!
//! From then on the API server keeps the count itself, in the same commit as each write; so nothing else wakes this.

mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceQuota;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use reconcile::Reconciler;

/// Quotas that are counted at a time.
const WORKERS: usize = 2;

/// Counts quotas, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let quotas: Informer<ResourceQuota> = context.informers.all();
    let queue = WorkQueue::new();
    let wake = queue.clone();
    quotas.on_change(move |change| {
        let quota = match change {
            Change::Added(quota) => quota,
            Change::Updated { old, new } if old.spec != new.spec => new,
            _ => return,
        };
        wake.add(ObjectKey::of(&**quota));
    });
    let reconciler = Arc::new(Reconciler {
        client: context.client.clone(),
    });
    context
        .reconcile(
            "resourcequota",
            quotas.ready(),
            queue,
            WORKERS,
            move |key| {
                let reconciler = reconciler.clone();
                async move { reconciler.reconcile(key).await }
            },
        )
        .await
}
