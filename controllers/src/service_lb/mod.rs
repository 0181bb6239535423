//! Load balancers with nothing to install: a Service of type LoadBalancer is served at the nodes' own addresses, unless
//! another one, or the built-in server of Ingresses, has its port there already (core/v1 ServiceStatus.loadBalancer).

mod ingresses;
mod plan;
mod reconcile;

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Service};
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use ingresses::Ingresses;
use plan::{is_balanced, ready_address};
use reconcile::Reconciler;

/// One at a time, so that no port is given twice.
const WORKERS: usize = 1;

/// Gives every load balancer its addresses, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("service-controller");
    let services: Informer<Service> = context.informers.all();
    let nodes: Informer<Node> = context.informers.all();
    let queue = WorkQueue::new();
    let ingresses = Ingresses::new(&context.informers);
    wake(&services, &nodes, &queue);
    let (all, waiting) = (services.clone(), queue.clone());
    ingresses.on_change(move || wake_balanced(&all, &waiting));
    let ready = {
        let (services, nodes, ingresses) = (services.clone(), nodes.clone(), ingresses.clone());
        async move {
            tokio::join!(services.ready(), nodes.ready(), ingresses.ready());
        }
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        services,
        nodes,
        ingresses,
        recorder,
    });
    let work = context.reconcile("service-lb", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}

/// A port that one gives up may be what another waits for, and addresses are all of the nodes.
fn wake(services: &Informer<Service>, nodes: &Informer<Node>, queue: &WorkQueue<ObjectKey>) {
    let (all, waiting) = (services.clone(), queue.clone());
    services.on_change(move |change| {
        let was_balanced = matches!(change, Change::Updated { old, .. } if is_balanced(old));
        let service = change.object();
        if was_balanced || is_balanced(service) {
            waiting.add(ObjectKey::of(&**service));
            wake_balanced(&all, &waiting);
        }
    });
    let (all, waiting) = (services.clone(), queue.clone());
    nodes.on_change(move |change| {
        let same = matches!(change, Change::Updated { old, new } if ready_address(old) == ready_address(new));
        if !same {
            wake_balanced(&all, &waiting);
        }
    });
}

fn wake_balanced(services: &Informer<Service>, queue: &WorkQueue<ObjectKey>) {
    for service in services
        .list()
        .iter()
        .filter(|service| is_balanced(service))
    {
        queue.add(ObjectKey::of(&**service));
    }
}
