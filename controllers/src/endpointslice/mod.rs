//! EndpointSlices list the Pods behind each Service
//! (<https://kubernetes.io/docs/concepts/services-networking/endpoint-slices/>).

mod apply;
mod diff;
mod endpoint;
mod plan;
mod reconcile;
mod trace;

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

pub(crate) use apply::apply;
pub(crate) use diff::Changes;

use crate::context::Context;
use crate::ownership::wake_on_change;
use crate::service_pods::{Services, wake_services};
use reconcile::Reconciler;

/// Services that are reconciled at a time.
const WORKERS: usize = 5;
/// The label that names a slice's Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The label that says which controller a slice is of.
pub(crate) const MANAGED_BY: &str = "endpointslice.kubernetes.io/managed-by";

/// Keeps the slices of every Service that has a selector, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let services = &context.services;
    let slices: Informer<EndpointSlice> = context.informers.all();
    let nodes: Informer<Node> = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&services.all, &queue);
    wake_services(&context, &queue);
    wake_on_slices(&slices, &queue);
    wake_on_zones(&nodes, services, &queue);
    let ready = async {
        services.all.ready().await;
        slices.ready().await;
        nodes.ready().await;
        context.pods.all.ready().await;
    };
    let of_service = slices.index(|slice| {
        service_of(slice)
            .map(|key| key.to_string())
            .into_iter()
            .collect()
    });
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        slices: slices.clone(),
        of_service,
        nodes: nodes.clone(),
    });
    context
        .reconcile("endpointslice", ready, queue, WORKERS, move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        })
        .await
}

/// The key of a slice's Service.
pub(crate) fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.labels().get(SERVICE_NAME)?;
    Some(ObjectKey::new(slice.namespace().unwrap_or_default(), name))
}

/// A slice that somebody else changes or deletes is put right.
fn wake_on_slices(slices: &Informer<EndpointSlice>, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    slices.on_change(move |change| {
        if let Some(key) = service_of(change.object()) {
            queue.add(key);
        }
    });
}

/// A node that comes, goes or moves to another zone concerns every Service.
fn wake_on_zones(nodes: &Informer<Node>, services: &Services, queue: &WorkQueue<ObjectKey>) {
    let (services, queue) = (services.all.clone(), queue.clone());
    nodes.on_change(move |change| {
        if let Change::Updated { old, new } = change
            && endpoint::zone(old) == endpoint::zone(new)
        {
            return;
        }
        // Without a zone there is nothing that a slice would show.
        if let Change::Added(node) | Change::Deleted(node) = change
            && endpoint::zone(node).is_none()
        {
            return;
        }
        services
            .list()
            .iter()
            .for_each(|service| queue.add(ObjectKey::of(&**service)));
    });
}
