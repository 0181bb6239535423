//! What the cluster knows of a question, from the informers' caches.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use skiff_client::{Index, Informer, Informers, ObjectKey};

use crate::question::Question;
use crate::records::{Data, Named};

/// The label by which an EndpointSlice names its Service.
pub(crate) const SERVICE_NAME: &str = "kubernetes.io/service-name";
/// The version of the DNS specification that is served.
const VERSION: &str = "1.1.0";

/// The caches that answer questions.
pub(crate) struct Cluster {
    domain: String,
    namespaces: Informer<Namespace>,
    services: Informer<Service>,
    slices: Informer<EndpointSlice>,
    services_by_address: Index<Service>,
    slices_by_service: Index<EndpointSlice>,
    slices_by_address: Index<EndpointSlice>,
}

/// What the zone says of a name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// The name exists and has these records, perhaps none.
    Records(BTreeSet<Data>),
    /// No such name.
    Missing,
    /// Not for the zone to say.
    Elsewhere,
}

impl Cluster {
    pub(crate) fn new(informers: &Informers, domain: &str) -> Self {
        let (services, slices) = (informers.all::<Service>(), informers.all::<EndpointSlice>());
        Self {
            domain: domain.to_lowercase(),
            namespaces: informers.all(),
            services_by_address: services.index(|service| {
                service
                    .spec
                    .as_ref()
                    .and_then(|spec| spec.cluster_ip.clone())
                    .into_iter()
                    .collect()
            }),
            slices_by_service: slices.index(|slice| {
                service_of(slice)
                    .map(|key| key.to_string())
                    .into_iter()
                    .collect()
            }),
            slices_by_address: slices.index(|slice| {
                slice
                    .endpoints
                    .iter()
                    .flatten()
                    .flat_map(|endpoint| endpoint.addresses.iter().cloned())
                    .collect()
            }),
            services,
            slices,
        }
    }

    /// Whether all that is needed to answer is known.
    pub(crate) fn is_ready(&self) -> bool {
        self.namespaces.is_ready() && self.services.is_ready() && self.slices.is_ready()
    }

    pub(crate) fn domain(&self) -> &str {
        &self.domain
    }

    /// What there is for a name, in lower case and without its last dot.
    pub(crate) fn find(&self, name: &str) -> Found {
        match Question::of(name, &self.domain) {
            Question::Service { namespace, service } => {
                self.of_service(&namespace, &service, |named| named.records())
            }
            Question::Endpoint {
                namespace,
                service,
                host,
            } => self.of_service(&namespace, &service, |named| named.endpoint(&host)),
            Question::Port {
                namespace,
                service,
                port,
                protocol,
            } => self.of_service(&namespace, &service, |named| named.port(&port, &protocol)),
            Question::Pod { namespace, address } if self.has_namespace(&namespace) => {
                Found::Records(BTreeSet::from([Data::A(address)]))
            }
            Question::Namespace(namespace) if self.has_namespace(&namespace) => {
                Found::Records(BTreeSet::new())
            }
            Question::Version => Found::Records(BTreeSet::from([Data::Txt(VERSION)])),
            Question::Branch => Found::Records(BTreeSet::new()),
            Question::Address(address) => self.of_address(address),
            Question::Pod { .. } | Question::Namespace(_) | Question::Nothing => Found::Missing,
            Question::Elsewhere => Found::Elsewhere,
        }
    }

    fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.get(&ObjectKey::cluster(name)).is_some()
    }

    fn of_service(
        &self,
        namespace: &str,
        name: &str,
        look: impl Fn(&Named<'_>) -> Option<BTreeSet<Data>>,
    ) -> Found {
        let key = ObjectKey::new(namespace, name);
        let found = self
            .services
            .get(&key)
            .and_then(|service| self.with_slices(&service, look));
        found.map_or(Found::Missing, Found::Records)
    }

    /// An address of the cluster has names here; any other is not the zone's.
    fn of_address(&self, address: Ipv4Addr) -> Found {
        let text = address.to_string();
        let mut services = self.services_by_address.get(&text);
        let slices = self.slices_by_address.get(&text);
        services.extend(
            slices
                .iter()
                .filter_map(|slice| self.services.get(&service_of(slice)?)),
        );
        let names: BTreeSet<Data> = services
            .iter()
            .filter_map(|service| self.with_slices(service, |named| Some(named.names_of(address))))
            .flatten()
            .collect();
        if names.is_empty() {
            Found::Elsewhere
        } else {
            Found::Records(names)
        }
    }

    fn with_slices<T>(&self, service: &Arc<Service>, look: impl Fn(&Named<'_>) -> T) -> T {
        let slices = self
            .slices_by_service
            .get(&ObjectKey::of(&**service).to_string());
        look(&Named {
            service,
            slices: slices.iter().map(|slice| &**slice).collect(),
            domain: &self.domain,
        })
    }
}

fn service_of(slice: &EndpointSlice) -> Option<ObjectKey> {
    let name = slice.metadata.labels.as_ref()?.get(SERVICE_NAME)?;
    Some(ObjectKey::new(
        slice.metadata.namespace.clone().unwrap_or_default(),
        name,
    ))
}
