//! A namespace that is deleted takes all its objects with it
//! (<https://kubernetes.io/docs/concepts/overview/working-with-objects/namespaces/>).

mod conditions;
mod pages;
mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Namespace;
use skiff_client::Informer;

use crate::context::Context;
use crate::ownership::wake_on_change;
use crate::resources::Deletions;
use reconcile::Reconciler;

/// Namespaces that are emptied at a time.
const WORKERS: usize = 3;

/// Empties and finalizes every namespace that is deleted, until shutdown.
pub(crate) async fn run(context: Context, deletions: Deletions) -> anyhow::Result<()> {
    let namespaces: Informer<Namespace> = context.informers.all();
    wake_on_change(&namespaces, deletions.queue());
    let queue = deletions.queue().clone();
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        namespaces: namespaces.clone(),
        deletions,
    });
    context
        .reconcile(
            "namespace",
            namespaces.ready(),
            queue,
            WORKERS,
            move |key| {
                let reconciler = reconciler.clone();
                async move { reconciler.reconcile(key).await }
            },
        )
        .await
}
