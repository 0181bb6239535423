//! Endpoints list the Pods behind each Service in the form that came before EndpointSlices
//! (<https://kubernetes.io/docs/concepts/services-networking/service/#endpoints>).

mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Endpoints;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::ownership::wake_on_change;
use crate::service_pods::wake_services;
use reconcile::Reconciler;

/// Services that are reconciled at a time.
const WORKERS: usize = 5;

/// Keeps the Endpoints of every Service that has a selector, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let services = &context.services;
    let endpoints: Informer<Endpoints> = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&services.all, &queue);
    wake_on_loss(&endpoints, &queue);
    wake_services(&context, &queue);
    let ready = async {
        services.all.ready().await;
        endpoints.ready().await;
        context.pods.all.ready().await;
        // Their Service may have gone while nobody looked.
        endpoints
            .list()
            .iter()
            .for_each(|one| queue.add(ObjectKey::of(&**one)));
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        endpoints: endpoints.clone(),
    });
    context
        .reconcile("endpoints", ready, queue.clone(), WORKERS, move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        })
        .await
}

/// Endpoints that somebody deletes are made again. Other changes are not looked at: a user may make Endpoints first and
/// their Service later.
fn wake_on_loss(endpoints: &Informer<Endpoints>, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    endpoints.on_change(move |change| {
        if let Change::Deleted(endpoints) = change {
            queue.add(ObjectKey::of(&**endpoints));
        }
    });
}
