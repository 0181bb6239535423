//! Endpoints that somebody made for a Service without selector appear as EndpointSlices, which is what proxies read
//! (<https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/#endpointslice-mirroring>).

mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Endpoints;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use skiff_client::{Informer, WorkQueue};

use crate::context::Context;
use crate::endpointslice::{MANAGED_BY, service_of};
use crate::ownership::wake_on_change;
use plan::MANAGER;
use reconcile::Reconciler;

/// Endpoints that are reconciled at a time.
const WORKERS: usize = 5;

/// Mirrors Endpoints until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("endpoint-slice-mirroring-controller");
    let endpoints: Informer<Endpoints> = context.informers.all();
    let slices: Informer<EndpointSlice> = context.informers.all();
    let services = &context.services.all;
    let queue = WorkQueue::new();
    wake_on_change(&endpoints, &queue);
    // Endpoints have the name of their Service.
    wake_on_change(services, &queue);
    let keys = queue.clone();
    slices.on_change(move |change| {
        let mirror = Some(&**change.object()).filter(|slice| is_mirror(slice));
        mirror
            .and_then(service_of)
            .into_iter()
            .for_each(|key| keys.add(key));
    });
    let mirrors = slices.index(|slice| {
        let service = Some(slice).filter(|slice| is_mirror(slice));
        let key = service.and_then(service_of);
        key.map(|key| key.to_string()).into_iter().collect()
    });
    let ready = async {
        tokio::join!(endpoints.ready(), slices.ready(), services.ready());
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        endpoints: endpoints.clone(),
        slices: slices.clone(),
        mirrors,
        recorder,
    });
    let work = context.reconcile(
        "endpointslicemirroring",
        ready,
        queue,
        WORKERS,
        move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        },
    );
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}

fn is_mirror(slice: &EndpointSlice) -> bool {
    let manager = slice.labels().get(MANAGED_BY);
    manager.is_some_and(|manager| manager == MANAGER)
}
