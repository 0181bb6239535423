//! What Services mean for a node: pure, and the same for every dataplane.
//!
//! ```text
//!   Service, its EndpointSlices ─► build: ServicePorts ─► Model, by Service ─► changes: what a dataplane applies
//! ```

mod build;
mod near;
mod protocol;
#[cfg(test)]
pub(crate) mod testing;

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;

use imbl::OrdMap;
use imbl::ordmap::DiffItem;
use ipnet::Ipv4Net;

pub(crate) use build::service_ports;
pub(crate) use near::Place;
pub(crate) use protocol::Protocol;

/// One port of one Service, with the endpoints that this node sends its traffic to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePort {
    /// `namespace/name:port`, for people.
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) cluster_ip: Ipv4Addr,
    pub(crate) port: u16,
    /// How long a client stays with its endpoint, in seconds.
    pub(crate) affinity_seconds: Option<u32>,
    /// Where clients of the ClusterIP go.
    pub(crate) endpoints: BTreeSet<SocketAddrV4>,
    /// Endpoints that take no new connections, because they are not ready or are ending, but keep those they have.
    pub(crate) draining: BTreeSet<SocketAddrV4>,
    /// How those outside of the cluster reach it.
    pub(crate) external: External,
}

/// The addresses and ports for clients outside of the cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct External {
    /// The port on each address of the node.
    pub(crate) node_port: Option<u16>,
    /// Addresses that lead here by somebody's routes (core/v1 ServiceSpec.externalIPs).
    pub(crate) ips: BTreeSet<Ipv4Addr>,
    /// Addresses that a load balancer gave (core/v1 ServiceStatus.loadBalancer).
    pub(crate) load_balancer: BTreeSet<Ipv4Addr>,
    /// Who may ask at the load balancer's addresses; everybody if empty (core/v1 ServiceSpec.loadBalancerSourceRanges).
    pub(crate) source_ranges: BTreeSet<Ipv4Net>,
    /// Where the clients go.
    pub(crate) endpoints: BTreeSet<SocketAddrV4>,
    /// Where clients inside of the cluster go, which no policy for those outside holds back.
    pub(crate) endpoints_for_insiders: BTreeSet<SocketAddrV4>,
    /// Whether only endpoints of this node serve it, which see the client's own address
    /// (core/v1 ServiceSpec.externalTrafficPolicy `Local`).
    pub(crate) keeps_source: bool,
    /// Where a load balancer asks whether this node has endpoints (core/v1 ServiceSpec.healthCheckNodePort).
    pub(crate) health_check: Option<u16>,
}

impl External {
    /// All addresses at which the Service's own port is served.
    pub(crate) fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.ips.union(&self.load_balancer).copied().collect()
    }
}

impl ServicePort {
    /// The address, port and endpoints of each front but NodePorts.
    pub(crate) fn fronts(&self) -> Vec<(SocketAddrV4, &BTreeSet<SocketAddrV4>)> {
        let at = |address| SocketAddrV4::new(address, self.port);
        let mut fronts = vec![(at(self.cluster_ip), &self.endpoints)];
        let external = self.external.addresses();
        fronts.extend(
            external
                .iter()
                .map(|address| (at(*address), &self.external.endpoints)),
        );
        fronts
    }
}

/// All that the node must know of Services. A clone shares all with its origin, and what differs between the two is found
/// without a look at the rest: a change takes as long among ten thousand Services as among ten.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    services: OrdMap<Arc<str>, Arc<Vec<ServicePort>>>,
}

/// How the ports of one Service changed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Change<'a> {
    pub(crate) old: &'a [ServicePort],
    pub(crate) new: &'a [ServicePort],
}

impl Model {
    /// Puts the ports of a Service; without ports it is gone. Tells whether that changed anything.
    pub(crate) fn put(&mut self, service: &str, ports: Vec<ServicePort>) -> bool {
        if ports.is_empty() {
            return self.services.remove(service).is_some();
        }
        if self.services.get(service).is_some_and(|has| **has == ports) {
            return false;
        }
        self.services.insert(service.into(), Arc::new(ports));
        true
    }

    /// The ports of all Services, by the name of the Service.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &ServicePort> {
        self.services.values().flat_map(|ports| ports.iter())
    }

    /// The Services that differ from those of `old`.
    pub(crate) fn changes_since<'a>(&'a self, old: &'a Model) -> Vec<Change<'a>> {
        let differing = old.services.diff(&self.services);
        let changes = differing.map(|item| match item {
            DiffItem::Add(_, new) => Change { old: &[], new },
            DiffItem::Update {
                old: (_, old),
                new: (_, new),
            } => Change { old, new },
            DiffItem::Remove(_, old) => Change { old, new: &[] },
        });
        changes.collect()
    }
}

#[cfg(test)]
mod tests;
