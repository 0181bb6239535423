//! What a table is made of, as values: pure.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::model::Protocol;
use crate::netfilter::Data;

/// The maps and sets of the table that follow Services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Container {
    /// An address and port to the chain that chooses an endpoint; so for clients inside of the cluster, where they differ.
    Services,
    InsideServices,
    /// A port of the node's addresses to such a chain.
    NodePorts,
    InsideNodePorts,
    /// A front and a count to the endpoint.
    Endpoints(Protocol),
    NodePortEndpoints(Protocol),
    /// A front, or a port of the node, to a port of this machine where a proxy listens.
    Redirects,
    NodePortRedirects,
    /// A front to the chain that tells who may ask.
    Guarded,
    VirtualServers,
    VirtualNodePorts,
    EmptyServices,
    EmptyNodePorts,
    /// Fronts whose clients bear the node's address, for the answer must come back through this node.
    Masqueraded,
    MasqueradedNodePorts,
    Hairpins,
}

impl Container {
    /// Its name in the table. Endpoints have a map a protocol: nft (1.0.6) cannot match a rule for one protocol with the
    /// key of a map for all, once the map is in the kernel.
    pub(crate) fn name(self) -> String {
        let name = match self {
            Container::Services => "services",
            Container::InsideServices => "inside_services",
            Container::NodePorts => "node_ports",
            Container::InsideNodePorts => "inside_node_ports",
            Container::Endpoints(protocol) => return format!("{protocol}_endpoints"),
            Container::NodePortEndpoints(protocol) => {
                return format!("{protocol}_node_port_endpoints");
            }
            Container::Redirects => "redirects",
            Container::NodePortRedirects => "node_port_redirects",
            Container::Guarded => "guarded",
            Container::VirtualServers => "virtual_servers",
            Container::VirtualNodePorts => "virtual_node_ports",
            Container::EmptyServices => "empty_services",
            Container::EmptyNodePorts => "empty_node_ports",
            Container::Masqueraded => "masqueraded",
            Container::MasqueradedNodePorts => "masqueraded_node_ports",
            Container::Hairpins => "hairpins",
        };
        name.to_owned()
    }
}

/// A part of an element's key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Part {
    Address(Ipv4Addr),
    Protocol(Protocol),
    Port(u16),
    Count(u32),
}

impl Part {
    /// As the kernel keeps it in a key: four bytes each.
    pub(super) fn bytes(self) -> [u8; 4] {
        match self {
            Part::Address(address) => address.octets(),
            Part::Protocol(protocol) => [protocol.number(), 0, 0, 0],
            Part::Port(port) => {
                let [high, low] = port.to_be_bytes();
                [high, low, 0, 0]
            }
            Part::Count(count) => count.to_ne_bytes(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Part::Address(address) => address.fmt(f),
            Part::Protocol(protocol) => protocol.fmt(f),
            Part::Port(port) => port.fmt(f),
            Part::Count(count) => count.fmt(f),
        }
    }
}

/// What an element's key leads to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Value {
    /// The element is of a set.
    Nothing,
    /// The chain decides.
    Goto(String),
    /// The chain may let it pass.
    Jump(String),
    To(SocketAddrV4),
    Port(u16),
}

impl Value {
    /// As the kernel keeps it.
    pub(super) fn data(&self) -> Data {
        match self {
            Value::Nothing => Data::Nothing,
            Value::Goto(chain) => Data::Goto(chain.clone()),
            Value::Jump(chain) => Data::Jump(chain.clone()),
            Value::Port(port) => Data::Bytes(port.to_be_bytes().to_vec()),
            Value::To(at) => {
                let parts = [Part::Address(*at.ip()), Part::Port(at.port())];
                Data::Bytes(parts.map(Part::bytes).concat())
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Nothing => Ok(()),
            Value::Goto(chain) => write!(f, "goto {chain}"),
            Value::Jump(chain) => write!(f, "jump {chain}"),
            Value::To(at) => write!(f, "{} . {}", at.ip(), at.port()),
            Value::Port(port) => port.fmt(f),
        }
    }
}

/// The name of something in the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Item {
    /// A set that the packets themselves fill.
    Set(String),
    Chain(String),
    Element(Container, Vec<Part>),
}

/// What the name stands for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Content {
    /// The set's declaration.
    Set(String),
    /// The chain's rules.
    Chain(Vec<String>),
    Element(Value),
}

/// All that the table holds for something, such as a Service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules(pub(super) BTreeMap<Item, Content>);

impl Rules {
    pub(crate) fn put(
        &mut self,
        container: Container,
        key: impl IntoIterator<Item = Part>,
        value: Value,
    ) {
        let item = Item::Element(container, key.into_iter().collect());
        self.0.insert(item, Content::Element(value));
    }

    pub(crate) fn chain(&mut self, name: &str, rules: Vec<String>) {
        let item = Item::Chain(name.to_owned());
        self.0.insert(item, Content::Chain(rules));
    }

    pub(crate) fn set(&mut self, name: &str, declaration: String) {
        let item = Item::Set(name.to_owned());
        self.0.insert(item, Content::Set(declaration));
    }
}
