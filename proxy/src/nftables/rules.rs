//! The model as elements of maps and sets: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::net::SocketAddrV4;

use crate::model::{Model, Protocol, ServicePort};

/// How many Services with the same number of endpoints count for themselves; more of them share a count.
pub(crate) const TURNS: u64 = 256;
/// Any number, but always the same: a client keeps its endpoint when the rules are loaded anew.
const SEED: u32 = 1;

/// The maps and sets of the table that follow Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Container {
    Services,
    NodePorts,
    Endpoints(Protocol),
    NodePortEndpoints(Protocol),
    VirtualServers,
    EmptyNodePorts,
    SourceKeepingNodePorts,
    Hairpins,
}

impl Container {
    /// Its name in the table. Endpoints have a map a protocol: nft (1.0.6) cannot match a rule for one protocol with the
    /// key of a map for all, once the map is in the kernel.
    pub(crate) fn name(self) -> String {
        match self {
            Container::Services => "services".to_owned(),
            Container::NodePorts => "node_ports".to_owned(),
            Container::Endpoints(protocol) => format!("{protocol}_endpoints"),
            Container::NodePortEndpoints(protocol) => format!("{protocol}_node_port_endpoints"),
            Container::VirtualServers => "virtual_servers".to_owned(),
            Container::EmptyNodePorts => "empty_node_ports".to_owned(),
            Container::SourceKeepingNodePorts => "source_keeping_node_ports".to_owned(),
            Container::Hairpins => "hairpins".to_owned(),
        }
    }
}

/// A chain that sends each new connection to the next of `endpoints` endpoints, or a client always to the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// Whether it serves NodePorts, which are looked up without an address.
    pub(crate) node_port: bool,
    /// Whether the client's address chooses: a client stays with its endpoint as long as the endpoints are the same,
    /// however long that is (core/v1 ServiceSpec.sessionAffinity `ClientIP`).
    pub(crate) sticky: bool,
    pub(crate) protocol: Protocol,
    pub(crate) endpoints: usize,
    pub(crate) lane: u64,
}

impl Turn {
    pub(crate) fn name(&self) -> String {
        let kind = match (self.node_port, self.sticky) {
            (false, false) => "turn",
            (false, true) => "sticky",
            (true, false) => "node_port_turn",
            (true, true) => "node_port_sticky",
        };
        format!("{kind}_{}_{}_{}", self.protocol, self.endpoints, self.lane)
    }

    /// Its one rule.
    pub(crate) fn rule(&self) -> String {
        let Turn {
            node_port,
            sticky,
            protocol,
            endpoints,
            ..
        } = self;
        let (address, map) = match node_port {
            true => ("", Container::NodePortEndpoints(*protocol)),
            false => ("ip daddr . ", Container::Endpoints(*protocol)),
        };
        let choice = match sticky {
            true => format!("jhash ip saddr mod {endpoints} seed {SEED}"),
            false => format!("numgen inc mod {endpoints}"),
        };
        let key = format!("{address}{protocol} dport . {choice}");
        format!(
            "meta l4proto {protocol} dnat ip to {key} map @{}",
            map.name()
        )
    }
}

/// All that the table holds for a model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    pub(crate) turns: BTreeSet<Turn>,
    /// Elements by key; sets have empty values.
    pub(crate) elements: BTreeMap<(Container, String), String>,
}

impl Rules {
    /// The elements of the maps that translate.
    pub(crate) fn translating(model: &Model) -> Self {
        let mut rules = Self::sources(model);
        for port in &model.ports {
            rules.add_cluster_ip(port);
            rules.add_node_port(port);
        }
        rules
    }

    /// What IPVS leaves to nftables: the clients' addresses, and which addresses have a virtual server.
    pub(crate) fn beside_ipvs(model: &Model) -> Self {
        let mut rules = Self::sources(model);
        for port in &model.ports {
            let key = format!("{} . {} . {}", port.cluster_ip, port.protocol, port.port);
            rules.put(Container::VirtualServers, key, String::new());
        }
        rules
    }

    /// Which clients keep their addresses and which do not. A Pod that reaches itself through its Service must get the
    /// answer from the node, or it would refuse it.
    fn sources(model: &Model) -> Self {
        let mut rules = Self::default();
        for port in &model.ports {
            let of_node_port = port.node_port.iter().flat_map(|node| &node.endpoints);
            for endpoint in port.endpoints.iter().chain(of_node_port) {
                let address = endpoint.ip();
                let hairpin = format!("{address} . {address}");
                rules.put(Container::Hairpins, hairpin, String::new());
            }
            if let Some(node_port) = port.node_port.as_ref().filter(|node| node.keeps_source) {
                let key = format!("{} . {}", port.protocol, node_port.port);
                rules.put(Container::SourceKeepingNodePorts, key, String::new());
            }
        }
        rules
    }

    fn add_cluster_ip(&mut self, port: &ServicePort) {
        if port.endpoints.is_empty() {
            return;
        }
        let turn = self.turn(port, port.endpoints.len(), false);
        let key = format!("{} . {} . {}", port.cluster_ip, port.protocol, port.port);
        self.put(Container::Services, key, format!("goto {}", turn.name()));
        let target = format!("{} . {}", port.cluster_ip, port.port);
        let map = Container::Endpoints(port.protocol);
        self.add_endpoints(map, &target, &port.endpoints);
    }

    fn add_node_port(&mut self, port: &ServicePort) {
        let Some(node_port) = &port.node_port else {
            return;
        };
        let key = format!("{} . {}", port.protocol, node_port.port);
        if node_port.endpoints.is_empty() {
            self.put(Container::EmptyNodePorts, key, String::new());
            return;
        }
        let turn = self.turn(port, node_port.endpoints.len(), true);
        self.put(Container::NodePorts, key, format!("goto {}", turn.name()));
        let map = Container::NodePortEndpoints(port.protocol);
        self.add_endpoints(map, &node_port.port.to_string(), &node_port.endpoints);
    }

    fn add_endpoints(&mut self, map: Container, key: &str, endpoints: &BTreeSet<SocketAddrV4>) {
        for (count, endpoint) in endpoints.iter().enumerate() {
            self.put(
                map,
                format!("{key} . {count}"),
                format!("{} . {}", endpoint.ip(), endpoint.port()),
            );
        }
    }

    /// The lane follows from the name alone, so that a Service keeps its count while others come and go.
    fn turn(&mut self, port: &ServicePort, endpoints: usize, node_port: bool) -> Turn {
        let mut hash = std::hash::DefaultHasher::new();
        hash.write(port.name.as_bytes());
        let sticky = port.affinity_seconds.is_some();
        let turn = Turn {
            node_port,
            sticky,
            protocol: port.protocol,
            endpoints,
            // What the client's address chooses has no count to share.
            lane: if sticky { 0 } else { hash.finish() % TURNS },
        };
        self.turns.insert(turn);
        turn
    }

    fn put(&mut self, container: Container, key: String, value: String) {
        self.elements.insert((container, key), value);
    }
}
