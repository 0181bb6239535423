//! The model as elements of maps and sets: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;

use crate::model::{Model, Protocol, ServicePort};

/// How many Services with the same number of endpoints count for themselves; more of them share a count.
pub(crate) const TURNS: u64 = 256;

/// The maps and sets of the table that follow Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Container {
    Services,
    NodePorts,
    Endpoints(Protocol),
    NodePortEndpoints(Protocol),
    VirtualServers,
    EmptyNodePorts,
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
            Container::Hairpins => "hairpins".to_owned(),
        }
    }
}

/// A chain that sends each new connection to the next of `endpoints` endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Turn {
    /// Whether it serves NodePorts, which are looked up without an address.
    pub(crate) node_port: bool,
    pub(crate) protocol: Protocol,
    pub(crate) endpoints: usize,
    pub(crate) lane: u64,
}

impl Turn {
    pub(crate) fn name(&self) -> String {
        let kind = if self.node_port {
            "node_port_turn"
        } else {
            "turn"
        };
        format!("{kind}_{}_{}_{}", self.protocol, self.endpoints, self.lane)
    }

    /// Its one rule.
    pub(crate) fn rule(&self) -> String {
        let Turn {
            node_port,
            protocol,
            endpoints,
            ..
        } = self;
        let (address, map) = match node_port {
            true => ("", Container::NodePortEndpoints(*protocol)),
            false => ("ip daddr . ", Container::Endpoints(*protocol)),
        };
        let key = format!("{address}{protocol} dport . numgen inc mod {endpoints}");
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
        let mut rules = Self::hairpins(model);
        for port in &model.ports {
            rules.add_cluster_ip(port);
            rules.add_node_port(port);
        }
        rules
    }

    /// What IPVS leaves to nftables: hairpins, and which addresses have a virtual server.
    pub(crate) fn beside_ipvs(model: &Model) -> Self {
        let mut rules = Self::hairpins(model);
        for port in &model.ports {
            let key = format!("{} . {} . {}", port.cluster_ip, port.protocol, port.port);
            rules.put(Container::VirtualServers, key, String::new());
        }
        rules
    }

    /// A Pod that reaches itself through its Service must get the answer from the node, or it would refuse it.
    fn hairpins(model: &Model) -> Self {
        let mut rules = Self::default();
        let endpoints: BTreeSet<_> = model
            .ports
            .iter()
            .flat_map(|port| &port.endpoints)
            .map(|at| *at.ip())
            .collect();
        for address in endpoints {
            rules.put(
                Container::Hairpins,
                format!("{address} . {address}"),
                String::new(),
            );
        }
        rules
    }

    fn add_cluster_ip(&mut self, port: &ServicePort) {
        if port.endpoints.is_empty() {
            return;
        }
        let turn = self.turn(port, false);
        let key = format!("{} . {} . {}", port.cluster_ip, port.protocol, port.port);
        self.put(Container::Services, key, format!("goto {}", turn.name()));
        let target = format!("{} . {}", port.cluster_ip, port.port);
        self.add_endpoints(Container::Endpoints(port.protocol), &target, port);
    }

    fn add_node_port(&mut self, port: &ServicePort) {
        let Some(node_port) = port.node_port else {
            return;
        };
        let key = format!("{} . {node_port}", port.protocol);
        if port.endpoints.is_empty() {
            self.put(Container::EmptyNodePorts, key, String::new());
            return;
        }
        let turn = self.turn(port, true);
        self.put(Container::NodePorts, key, format!("goto {}", turn.name()));
        self.add_endpoints(
            Container::NodePortEndpoints(port.protocol),
            &node_port.to_string(),
            port,
        );
    }

    fn add_endpoints(&mut self, map: Container, key: &str, port: &ServicePort) {
        for (count, endpoint) in port.endpoints.iter().enumerate() {
            self.put(
                map,
                format!("{key} . {count}"),
                format!("{} . {}", endpoint.ip(), endpoint.port()),
            );
        }
    }

    /// The lane follows from the name alone, so that a Service keeps its count while others come and go.
    fn turn(&mut self, port: &ServicePort, node_port: bool) -> Turn {
        let mut hash = std::hash::DefaultHasher::new();
        hash.write(port.name.as_bytes());
        let turn = Turn {
            node_port,
            protocol: port.protocol,
            endpoints: port.endpoints.len(),
            lane: hash.finish() % TURNS,
        };
        self.turns.insert(turn);
        turn
    }

    fn put(&mut self, container: Container, key: String, value: String) {
        self.elements.insert((container, key), value);
    }
}
