//! Requests for certificates of the cluster's own signers: approved where nobody needs to be asked, signed, and cleaned up
//! (<https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/>).

mod plan;
mod reconcile;

use std::sync::Arc;

use skiff_client::WorkQueue;

use crate::context::Context;
use crate::ownership::wake_on_change;
use reconcile::Reconciler;

/// Approves and signs, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let requests = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&requests, &queue);
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        requests: requests.clone(),
    });
    context
        .reconcile("certificates", requests.ready(), queue, 1, move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        })
        .await
}
