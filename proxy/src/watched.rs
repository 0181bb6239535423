//! Services and EndpointSlices as they change.

use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use parking_lot::Mutex;
use skiff_client::{Change, Index, Informer, Informers, ObjectKey};
use tokio::sync::Notify;

use crate::model::{Model, Place, service_ports};

/// The label by which a node names its zone.
const ZONE: &str = "topology.kubernetes.io/zone";
/// The label by which an EndpointSlice names its Service.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// The caches, and which Services changed since the model was brought up to date.
pub(crate) struct Watched {
    node: String,
    nodes: Informer<Node>,
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    by_service: Index<EndpointSlice>,
    changed: Arc<Changed>,
}

#[derive(Default)]
struct Changed {
    services: Mutex<BTreeSet<String>>,
    some: Notify,
}

impl Changed {
    fn add(&self, service: String) {
        self.services.lock().insert(service);
        self.some.notify_one();
    }
}

impl Watched {
    pub(crate) fn new(informers: &Informers, node: String) -> Self {
        let (services, slices) = (informers.all::<Service>(), informers.all::<EndpointSlice>());
        let by_service = slices.index(|slice| service_of(slice).into_iter().collect());
        let changed = Arc::new(Changed::default());
        let (by, by_slice) = (changed.clone(), changed.clone());
        services.on_change(move |change| by.add(ObjectKey::of(&**change.object()).to_string()));
        slices.on_change(move |change| {
            service_of(change.object())
                .into_iter()
                .for_each(|service| by_slice.add(service));
        });
        let nodes = informers.all::<Node>();
        wake_on_zone(&nodes, node.clone(), &services, &changed);
        Self {
            node,
            nodes,
            services,
            slices,
            by_service,
            changed,
        }
    }

    /// Waits for the first lists: an incomplete model would take rules away that connections need.
    pub(crate) async fn ready(&self) {
        tokio::join!(
            self.services.ready(),
            self.slices.ready(),
            self.nodes.ready()
        );
    }

    /// Waits until [`Self::update`] has something to do. Cancel-safe, and many changes are one.
    pub(crate) async fn changed(&self) {
        self.changed.some.notified().await;
    }

    /// Brings the model up to date.
    pub(crate) fn update(&self, model: &mut Model) {
        let changed = std::mem::take(&mut *self.changed.services.lock());
        if changed.is_empty() {
            return;
        }
        let node = self.nodes.get(&ObjectKey::cluster(&self.node));
        let place = Place {
            node: self.node.clone(),
            zone: node.and_then(|node| zone(&node).cloned()),
        };
        for name in changed {
            let ports = match self.service(&name) {
                Some(service) => {
                    let slices = self.by_service.get(&name);
                    let slices: Vec<_> = slices.iter().map(|slice| &**slice).collect();
                    service_ports(&service, &slices, &place)
                }
                None => Vec::new(),
            };
            model.put(&name, ports);
        }
    }

    fn service(&self, name: &str) -> Option<Arc<Service>> {
        let (namespace, name) = name.split_once('/')?;
        self.services.get(&ObjectKey::new(namespace, name))
    }
}

/// When the node moves to another zone, other endpoints may be near.
fn wake_on_zone(
    nodes: &Informer<Node>,
    own: String,
    services: &Informer<Service>,
    changed: &Arc<Changed>,
) {
    let (services, changed) = (services.clone(), changed.clone());
    nodes.on_change(move |change| {
        let moved = match change {
            Change::Updated { old, new } => zone(old) != zone(new),
            Change::Added(node) | Change::Deleted(node) => zone(node).is_some(),
        };
        if moved && change.object().metadata.name.as_ref() == Some(&own) {
            let all = services.list();
            all.iter()
                .for_each(|it| changed.add(ObjectKey::of(&**it).to_string()));
        }
    });
}

fn zone(node: &Node) -> Option<&String> {
    node.metadata.labels.as_ref()?.get(ZONE)
}

fn service_of(slice: &EndpointSlice) -> Option<String> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(ObjectKey::new(slice.metadata.namespace.clone().unwrap_or_default(), name).to_string())
}
