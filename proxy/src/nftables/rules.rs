//! The ports of a Service as elements of maps and sets: pure.

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::net::SocketAddrV4;

use super::items::{Container, Part, Rules, Value};
use crate::model::{Protocol, ServicePort};

/// How many Services with the same number of endpoints count for themselves; more of them share a count.
const TURNS: u64 = 256;
/// Any number, but always the same: a client keeps its endpoint when the rules are loaded anew.
const SEED: u32 = 1;
/// How many clients an endpoint remembers; who comes when it is full may be led elsewhere the next time.
const REMEMBERED_CLIENTS: u32 = 65_536;

/// What the table translates for a Service.
pub(crate) fn translating(ports: &[ServicePort]) -> Rules {
    let mut rules = Rules::default();
    for port in ports {
        clients(&mut rules, port);
        empty_fronts(&mut rules, port);
        for (front, endpoints) in port.fronts() {
            add_front(&mut rules, port, front, endpoints);
        }
        add_node_port(&mut rules, port);
        add_insiders(&mut rules, port);
    }
    rules
}

/// What IPVS leaves to nftables: the clients' addresses, and which addresses have a virtual server.
pub(crate) fn beside_ipvs(ports: &[ServicePort]) -> Rules {
    let mut rules = Rules::default();
    for port in ports {
        clients(&mut rules, port);
        for (front, _) in port.fronts() {
            let key = front_key(front, port.protocol);
            rules.put(Container::VirtualServers, key, Value::Nothing);
        }
        if let Some(node_port) = port.external.node_port {
            let key = node_port_key(node_port, port.protocol);
            rules.put(Container::VirtualNodePorts, key, Value::Nothing);
        }
    }
    rules
}

/// How connections reach the proxies of this process; `listener` names the one for clients inside or outside.
pub(crate) fn redirecting(
    ports: &[ServicePort],
    listener: impl Fn(&ServicePort, Side) -> Option<u16>,
) -> Rules {
    let mut rules = Rules::default();
    for port in ports {
        guard(&mut rules, port);
        empty_fronts(&mut rules, port);
        for (front, _) in port.fronts() {
            let side = match *front.ip() == port.cluster_ip {
                true => Side::Inside,
                false => Side::Outside,
            };
            if let Some(at) = listener(port, side) {
                let key = front_key(front, port.protocol);
                rules.put(Container::Redirects, key, Value::Port(at));
            }
        }
        let outside = listener(port, Side::Outside);
        if let Some((node_port, at)) = port.external.node_port.zip(outside) {
            let key = node_port_key(node_port, port.protocol);
            rules.put(Container::NodePortRedirects, key, Value::Port(at));
        }
    }
    rules
}

/// Where clients come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Side {
    Inside,
    Outside,
}

/// The key of an address and port.
fn front_key(front: SocketAddrV4, protocol: Protocol) -> [Part; 3] {
    [
        Part::Address(*front.ip()),
        Part::Protocol(protocol),
        Part::Port(front.port()),
    ]
}

/// The key of a port on any address of the node.
fn node_port_key(node_port: u16, protocol: Protocol) -> [Part; 2] {
    [Part::Protocol(protocol), Part::Port(node_port)]
}

/// Who may ask, and which clients keep their addresses. A Pod that reaches itself through its Service must get the
/// answer from the node, or it would refuse it.
fn clients(rules: &mut Rules, port: &ServicePort) {
    let external = &port.external;
    for endpoint in port
        .endpoints
        .iter()
        .chain(&external.endpoints_for_insiders)
    {
        let address = Part::Address(*endpoint.ip());
        rules.put(Container::Hairpins, [address, address], Value::Nothing);
    }
    if !external.keeps_source {
        for address in external.addresses() {
            let key = front_key(SocketAddrV4::new(address, port.port), port.protocol);
            rules.put(Container::Masqueraded, key, Value::Nothing);
        }
        if let Some(node_port) = external.node_port {
            let key = node_port_key(node_port, port.protocol);
            rules.put(Container::MasqueradedNodePorts, key, Value::Nothing);
        }
    }
    guard(rules, port);
}

fn guard(rules: &mut Rules, port: &ServicePort) {
    let ranges = &port.external.source_ranges;
    if ranges.is_empty() || port.external.load_balancer.is_empty() {
        return;
    }
    let chain = format!("guard_{}", hash(&port.name));
    let allowed = ranges
        .iter()
        .map(|range| format!("ip saddr {range} return"));
    let refused = std::iter::once("drop".to_owned());
    rules.chain(&chain, allowed.chain(refused).collect());
    for address in &port.external.load_balancer {
        let key = front_key(SocketAddrV4::new(*address, port.port), port.protocol);
        rules.put(Container::Guarded, key, Value::Jump(chain.clone()));
    }
}

/// The fronts that refuse. Addresses of the Service range do so by themselves.
fn empty_fronts(rules: &mut Rules, port: &ServicePort) {
    let external = &port.external;
    if !external.endpoints.is_empty() {
        return;
    }
    for address in external.addresses() {
        let key = front_key(SocketAddrV4::new(address, port.port), port.protocol);
        rules.put(Container::EmptyServices, key, Value::Nothing);
    }
    if let Some(node_port) = external.node_port {
        let key = node_port_key(node_port, port.protocol);
        rules.put(Container::EmptyNodePorts, key, Value::Nothing);
    }
}

fn add_front(
    rules: &mut Rules,
    port: &ServicePort,
    front: SocketAddrV4,
    endpoints: &BTreeSet<SocketAddrV4>,
) {
    if endpoints.is_empty() {
        return;
    }
    let key = front_key(front, port.protocol);
    let chain = match port.affinity_seconds {
        Some(seconds) => sticky(rules, port, seconds, endpoints),
        None => {
            let start = [Part::Address(*front.ip()), Part::Port(front.port())];
            let map = Container::Endpoints(port.protocol);
            add_endpoints(rules, map, &start, endpoints);
            turn(rules, port, endpoints.len(), false)
        }
    };
    rules.put(Container::Services, key, Value::Goto(chain));
}

fn add_node_port(rules: &mut Rules, port: &ServicePort) {
    let endpoints = &port.external.endpoints;
    let Some(node_port) = port.external.node_port else {
        return;
    };
    if endpoints.is_empty() {
        return;
    }
    let chain = match port.affinity_seconds {
        Some(seconds) => sticky(rules, port, seconds, endpoints),
        None => {
            let map = Container::NodePortEndpoints(port.protocol);
            add_endpoints(rules, map, &[Part::Port(node_port)], endpoints);
            turn(rules, port, endpoints.len(), true)
        }
    };
    let key = node_port_key(node_port, port.protocol);
    rules.put(Container::NodePorts, key, Value::Goto(chain));
}

/// Clients inside of the cluster are not held back by the policy for those outside.
fn add_insiders(rules: &mut Rules, port: &ServicePort) {
    let external = &port.external;
    let endpoints = &external.endpoints_for_insiders;
    if endpoints.is_empty() || *endpoints == external.endpoints {
        return;
    }
    let addresses = external.addresses();
    if addresses.is_empty() && external.node_port.is_none() {
        return;
    }
    let chain = match port.affinity_seconds {
        Some(seconds) => sticky(rules, port, seconds, endpoints),
        None => own_turn(rules, port, endpoints),
    };
    for address in addresses {
        let key = front_key(SocketAddrV4::new(address, port.port), port.protocol);
        rules.put(Container::InsideServices, key, Value::Goto(chain.clone()));
    }
    if let Some(node_port) = external.node_port {
        let key = node_port_key(node_port, port.protocol);
        rules.put(Container::InsideNodePorts, key, Value::Goto(chain));
    }
}

fn add_endpoints(
    rules: &mut Rules,
    map: Container,
    start: &[Part],
    endpoints: &BTreeSet<SocketAddrV4>,
) {
    for (count, endpoint) in (0..).zip(endpoints) {
        let key = start.iter().copied().chain([Part::Count(count)]);
        rules.put(map, key, Value::To(*endpoint));
    }
}

/// A chain that sends each new connection to the next of `endpoints` endpoints; many Services share it.
fn turn(rules: &mut Rules, port: &ServicePort, endpoints: usize, node_port: bool) -> String {
    let protocol = port.protocol;
    let (kind, address, map) = match node_port {
        true => ("node_port_turn", "", Container::NodePortEndpoints(protocol)),
        false => ("turn", "ip daddr . ", Container::Endpoints(protocol)),
    };
    let name = format!("{kind}_{protocol}_{endpoints}_{}", lane(&port.name));
    let key = format!("{address}{protocol} dport . numgen inc mod {endpoints}");
    let rule = format!(
        "meta l4proto {protocol} dnat ip to {key} map @{}",
        map.name()
    );
    rules.chain(&name, vec![rule]);
    name
}

/// The same for one Service alone, with the endpoints in the chain.
fn own_turn(rules: &mut Rules, port: &ServicePort, endpoints: &BTreeSet<SocketAddrV4>) -> String {
    let name = format!("inside_turn_{}", hash(&port.name));
    let numbered = (0..).zip(endpoints);
    let all: Vec<String> = numbered
        .map(|(count, at): (u32, _)| format!("{count} : {} . {}", at.ip(), at.port()))
        .collect();
    let rule = format!(
        "meta l4proto {} dnat ip to numgen inc mod {} map {{ {} }}",
        port.protocol,
        all.len(),
        all.join(", ")
    );
    rules.chain(&name, vec![rule]);
    name
}

/// A chain that sends a client to the endpoint that remembers it (core/v1 ServiceSpec.sessionAffinity `ClientIP`).
///
/// Who is new is sent by a hash of its address: a client keeps its endpoint also when the rules are loaded anew.
fn sticky(
    rules: &mut Rules,
    port: &ServicePort,
    seconds: u32,
    endpoints: &BTreeSet<SocketAddrV4>,
) -> String {
    let hash = hash(&port.name);
    let (mut known, mut fresh) = (Vec::new(), Vec::new());
    for (count, at) in endpoints.iter().enumerate() {
        let place = format!(
            "{hash}_{}_{}",
            at.ip().to_string().replace('.', "_"),
            at.port()
        );
        let (set, chain) = (format!("clients_{place}"), format!("stick_{place}"));
        rules.set(
            &set,
            format!("type ipv4_addr; size {REMEMBERED_CLIENTS}; flags dynamic,timeout; timeout {seconds}s;"),
        );
        rules.chain(
            &chain,
            vec![
                format!("update @{set} {{ ip saddr }}"),
                format!("meta l4proto {} dnat ip to {at}", port.protocol),
            ],
        );
        known.push(format!("ip saddr @{set} goto {chain}"));
        fresh.push(format!("{count} : goto {chain}"));
    }
    // The same Service may have other endpoints for clients outside.
    let mut which = std::hash::DefaultHasher::new();
    endpoints
        .iter()
        .for_each(|at| which.write(at.to_string().as_bytes()));
    let name = format!("sticky_{hash}_{:08x}", which.finish() & 0xffff_ffff);
    known.push(format!(
        "jhash ip saddr mod {} seed {SEED} vmap {{ {} }}",
        fresh.len(),
        fresh.join(", ")
    ));
    rules.chain(&name, known);
    name
}

/// The lane follows from the name alone, so that a Service keeps its count while others come and go.
pub(super) fn lane(name: &str) -> u64 {
    number(name) % TURNS
}

fn hash(name: &str) -> String {
    format!("{:016x}", number(name))
}

fn number(name: &str) -> u64 {
    let mut hash = std::hash::DefaultHasher::new();
    hash.write(name.as_bytes());
    hash.finish()
}
