//! Datagrams that the kernel would go on sending to an endpoint that is gone.
//!
//! A client of UDP that keeps its port is one connection to the kernel for as long as it speaks; without this it would
//! never see a new endpoint.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};

use super::message::{ACK, Attributes, DUMP, nested, request};
use super::socket::Socket;
use crate::model::{Change, Protocol, ServicePort};

/// The kinds of messages (linux/netfilter/nfnetlink_conntrack.h, IPCTNL_MSG_CT_GET and _DELETE).
const GET: u16 = 1 << 8 | 1;
const DELETE: u16 = 1 << 8 | 2;
/// Attributes of a connection: how it began, and how answers come back.
const ORIGINAL: u16 = 1;
const REPLY: u16 = 2;
const ADDRESSES: u16 = 1;
const SOURCE: u16 = 1;
const DESTINATION: u16 = 2;
const PORTS: u16 = 2;
const PROTOCOL: u16 = 1;
const SOURCE_PORT: u16 = 2;
const DESTINATION_PORT: u16 = 3;

/// The endpoints of each front of UDP that may have lost one; an address of none stands for all of the node.
pub(crate) type Fronts = HashMap<(Option<Ipv4Addr>, u16), BTreeSet<SocketAddrV4>>;

/// The fronts of UDP that changed, with all the endpoints they have now.
pub(crate) fn datagram_fronts(changes: &[Change<'_>]) -> Fronts {
    let mut fronts = Fronts::new();
    let is_udp = |port: &&ServicePort| port.protocol == Protocol::Udp;
    for port in changes.iter().flat_map(|change| change.old).filter(is_udp) {
        for key in keys(port) {
            fronts.entry(key).or_default();
        }
    }
    for port in changes.iter().flat_map(|change| change.new).filter(is_udp) {
        for key in keys(port) {
            let endpoints = fronts.entry(key).or_default();
            endpoints.extend(&port.endpoints);
            endpoints.extend(&port.external.endpoints_for_insiders);
            endpoints.extend(&port.external.endpoints);
        }
    }
    fronts
}

fn keys(port: &ServicePort) -> Vec<(Option<Ipv4Addr>, u16)> {
    let fronts = port.fronts().into_iter();
    let fronts = fronts.map(|(front, _)| (Some(*front.ip()), front.port()));
    let node_port = port.external.node_port.map(|node_port| (None, node_port));
    fronts.chain(node_port).collect()
}

/// A connection of the kernel's table.
#[derive(Debug)]
struct Connection {
    asked: SocketAddrV4,
    answers: SocketAddrV4,
    /// What names it to the kernel, still encoded.
    original: Vec<u8>,
}

/// The kernel's table of connections.
pub(crate) struct Conntrack(Socket);

impl Conntrack {
    pub(crate) fn open() -> io::Result<Self> {
        Socket::open().map(Self)
    }

    /// Forgets the connections to these fronts that lead elsewhere than to their endpoints. Returns how many.
    pub(crate) async fn forget(&self, fronts: &Fronts) -> io::Result<usize> {
        let mut stale = Vec::new();
        self.0
            .ask(&request(GET, DUMP, &[]), |message| {
                let connection = connection(message.attributes());
                stale.extend(connection.filter(|connection| is_stale(connection, fronts)));
            })
            .await?;
        for connection in &stale {
            let named = request(DELETE, ACK, &nested(ORIGINAL, &connection.original));
            match self.0.ask(&named, |_| {}).await {
                // It ended by itself meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                outcome => outcome?,
            }
        }
        Ok(stale.len())
    }
}

/// Whether answers come from an endpoint that is none. What only has the number of a NodePort is somebody else's.
fn is_stale(connection: &Connection, fronts: &Fronts) -> bool {
    let (asked, answers) = (connection.asked, &connection.answers);
    if let Some(endpoints) = fronts.get(&(Some(*asked.ip()), asked.port())) {
        return !endpoints.contains(answers);
    }
    let of_node = fronts.get(&(None, asked.port()));
    of_node.is_some_and(|endpoints| *answers != asked && !endpoints.contains(answers))
}

/// A connection of UDP over IPv4.
fn connection(attributes: Attributes<'_>) -> Option<Connection> {
    let original = attributes.find(ORIGINAL)?;
    Some(Connection {
        asked: end(Attributes(original), DESTINATION, DESTINATION_PORT)?,
        answers: end(attributes.nested(REPLY)?, SOURCE, SOURCE_PORT)?,
        original: original.to_vec(),
    })
}

fn end(tuple: Attributes<'_>, address: u16, port: u16) -> Option<SocketAddrV4> {
    let ports = tuple.nested(PORTS)?;
    if ports.find(PROTOCOL)? != [Protocol::Udp.number()] {
        return None;
    }
    let octets: [u8; 4] = tuple.nested(ADDRESSES)?.find(address)?.try_into().ok()?;
    let port = u16::from_be_bytes(ports.find(port)?.try_into().ok()?);
    Some(SocketAddrV4::new(octets.into(), port))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::testing::web_on;

    #[test]
    fn only_what_leads_to_an_endpoint_that_is_gone_is_stale() {
        let mut old = web_on(30053, &["10.244.0.2:53", "10.244.0.3:53"]);
        old.protocol = Protocol::Udp;
        let mut new = web_on(30053, &["10.244.0.3:53"]);
        new.protocol = Protocol::Udp;
        let fronts = datagram_fronts(&[Change {
            old: &[old],
            new: &[new],
        }]);
        let cases = [
            ("10.96.0.5:80", "10.244.0.2:53", true),
            ("10.96.0.5:80", "10.244.0.3:53", false),
            ("10.96.0.5:80", "10.96.0.5:80", true),
            ("192.0.2.1:30053", "10.244.0.2:53", true),
            ("192.0.2.1:30053", "10.244.0.3:53", false),
            ("198.51.100.9:30053", "198.51.100.9:30053", false),
            ("10.96.0.6:80", "10.244.0.2:53", false),
        ];
        for (asked, answers, expected) in cases {
            let connection = Connection {
                asked: asked.parse().expect("an address"),
                answers: answers.parse().expect("an address"),
                original: Vec::new(),
            };
            assert_eq!(
                is_stale(&connection, &fronts),
                expected,
                "{asked} {answers}"
            );
        }
    }

    #[test]
    fn connections_are_not_lost_by_services_over_tcp() {
        let (old, new) = (web_on(30080, &["10.244.0.2:80"]), web_on(30080, &[]));
        let change = Change {
            old: &[old],
            new: &[new],
        };
        assert!(datagram_fronts(&[change]).is_empty());
    }
}
