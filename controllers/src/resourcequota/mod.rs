//! Counts what a new or changed ResourceQuota is about (<https://kubernetes.io/docs/concepts/policy/resource-quotas/>).
//!
//! From then on the API server keeps the count itself, in the same commit as each write; so nothing else wakes this,
//! but a status that somebody else has written.

mod plan;
mod reconcile;

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::ResourceQuota;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
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
            Change::Updated { old, new } if old.spec != new.spec || !says_its_limits(new) => new,
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

/// Whether the status says of each limit what the spec says.
fn says_its_limits(quota: &ResourceQuota) -> bool {
    let hard = |limits: Option<&BTreeMap<String, Quantity>>| limits.cloned().unwrap_or_default();
    let spec = quota.spec.as_ref().and_then(|spec| spec.hard.as_ref());
    let status = quota
        .status
        .as_ref()
        .and_then(|status| status.hard.as_ref());
    hard(spec) == hard(status)
}
