//! The chains of one Service's port: pure.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use sha2::{Digest, Sha256};

use super::rules::{Chains, Table};
use crate::dataplane::Ranges;
use crate::model::ServicePort;

/// Adds all rules of a port.
pub(super) fn add_service(chains: &mut Chains, port: &ServicePort, ranges: &Ranges) {
    add_cluster_ip(chains, port, ranges);
    add_external(chains, port, ranges);
    guard(chains, port);
}

fn add_cluster_ip(chains: &mut Chains, port: &ServicePort, ranges: &Ranges) {
    if port.endpoints.is_empty() {
        return;
    }
    let chain = choosing(chains, port, &port.endpoints);
    let front = front(port, port.cluster_ip);
    let from_outside = format!("! -s {} {front} -j KUBE-MARK-MASQ", ranges.cluster);
    chains.add(Table::Nat, "KUBE-SERVICES", from_outside);
    let comment = comment(port, "cluster IP");
    chains.add(
        Table::Nat,
        "KUBE-SERVICES",
        format!("{front} {comment} -j {chain}"),
    );
}

fn add_external(chains: &mut Chains, port: &ServicePort, ranges: &Ranges) {
    let external = &port.external;
    let addresses = external.addresses();
    if addresses.is_empty() && external.node_port.is_none() {
        return;
    }
    if external.endpoints.is_empty() {
        refuse_external(chains, port);
    }
    if external.endpoints_for_insiders.is_empty() {
        return;
    }
    let chain = external_chain(chains, port, ranges);
    for address in addresses {
        let (front, comment) = (front(port, address), comment(port, "external IP"));
        let rule = format!("{front} {comment} -j {chain}");
        chains.add(Table::Nat, "KUBE-SERVICES", rule);
    }
    if let Some(node_port) = external.node_port {
        let (protocol, comment) = (port.protocol, comment(port, "node port"));
        let rule = format!("-p {protocol} -m {protocol} --dport {node_port} {comment} -j {chain}");
        chains.add(Table::Nat, "KUBE-NODEPORTS", rule);
    }
}

/// Clients inside of the cluster are not held back by the policy for those outside.
fn external_chain(chains: &mut Chains, port: &ServicePort, ranges: &Ranges) -> String {
    let external = &port.external;
    let name = chain_name("KUBE-EXT-", &hashed(port));
    let all = choosing(chains, port, &external.endpoints_for_insiders);
    let mut add = |rule: String| chains.add(Table::Nat, &name, rule);
    if !external.keeps_source {
        add("-j KUBE-MARK-MASQ".to_owned());
        add(format!("-j {all}"));
        return name;
    }
    add(format!("-s {} -j {all}", ranges.cluster));
    add("-m addrtype --src-type LOCAL -j KUBE-MARK-MASQ".to_owned());
    add(format!("-m addrtype --src-type LOCAL -j {all}"));
    if !external.endpoints.is_empty() {
        let local = choosing(chains, port, &external.endpoints);
        chains.add(Table::Nat, &name, format!("-j {local}"));
    }
    name
}

fn refuse_external(chains: &mut Chains, port: &ServicePort) {
    let comment = comment(port, "has no endpoints");
    for address in port.external.addresses() {
        let rule = format!("{} {comment} -j REJECT", front(port, address));
        chains.add(Table::Filter, "KUBE-SERVICES", rule);
    }
    if let Some(node_port) = port.external.node_port {
        let protocol = port.protocol;
        let rule = format!(
            "-m addrtype --dst-type LOCAL -p {protocol} -m {protocol} --dport {node_port} {comment} -j REJECT"
        );
        chains.add(Table::Filter, "KUBE-SERVICES", rule);
    }
}

/// Who may not ask at the load balancer's address is dropped before it is translated, in the first chain that may.
fn guard(chains: &mut Chains, port: &ServicePort) {
    let external = &port.external;
    if external.source_ranges.is_empty() {
        return;
    }
    let name = chain_name("KUBE-FW-", &hashed(port));
    for address in &external.load_balancer {
        let front = format!(
            "-m conntrack --ctorigdst {address} --ctorigdstport {}",
            port.port
        );
        let rule = format!("-p {} {front} -j {name}", port.protocol);
        chains.add(Table::Filter, "KUBE-PROXY-FIREWALL", rule);
    }
    if external.load_balancer.is_empty() {
        return;
    }
    for range in &external.source_ranges {
        chains.add(Table::Filter, &name, format!("-s {range} -j RETURN"));
    }
    let local = "-m addrtype --src-type LOCAL -j RETURN";
    chains.add(Table::Filter, &name, local);
    chains.add(Table::Filter, &name, "-j DROP");
}

/// The chain that gives each endpoint its random share, made if it is not there.
fn choosing(chains: &mut Chains, port: &ServicePort, endpoints: &BTreeSet<SocketAddrV4>) -> String {
    let everywhere = *endpoints == port.external.endpoints_for_insiders;
    let prefix = if everywhere { "KUBE-SVC-" } else { "KUBE-SVL-" };
    let name = chain_name(prefix, &hashed(port));
    if chains.has(Table::Nat, &name) {
        return name;
    }
    let ends: Vec<String> = endpoints
        .iter()
        .map(|at| endpoint_chain(chains, port, at))
        .collect();
    if let Some(seconds) = port.affinity_seconds {
        for end in &ends {
            let known = format!("-m recent --name {end} --rcheck --seconds {seconds} --reap");
            chains.add(Table::Nat, &name, format!("{known} -j {end}"));
        }
    }
    for (left, end) in (1..=ends.len()).rev().zip(&ends) {
        let rule = match left {
            1 => format!("-j {end}"),
            // All but the last get their share of what the ones before left.
            left => {
                let probability = 1.0 / left as f64;
                format!("-m statistic --mode random --probability {probability:.10} -j {end}")
            }
        };
        chains.add(Table::Nat, &name, rule);
    }
    name
}

/// A Pod that reaches itself through its Service gets the answer from the node.
fn endpoint_chain(chains: &mut Chains, port: &ServicePort, at: &SocketAddrV4) -> String {
    let name = chain_name("KUBE-SEP-", &format!("{}{at}", hashed(port)));
    if chains.has(Table::Nat, &name) {
        return name;
    }
    let hairpin = format!("-s {}/32 -j KUBE-MARK-MASQ", at.ip());
    chains.add(Table::Nat, &name, hairpin);
    let remember = match port.affinity_seconds {
        Some(_) => format!("-m recent --name {name} --set "),
        None => String::new(),
    };
    let protocol = port.protocol;
    let translate = format!("{remember}-p {protocol} -m {protocol} -j DNAT --to-destination {at}");
    chains.add(Table::Nat, &name, translate);
    name
}

fn front(port: &ServicePort, address: Ipv4Addr) -> String {
    let (protocol, number) = (port.protocol, port.port);
    format!("-d {address}/32 -p {protocol} -m {protocol} --dport {number}")
}

fn comment(port: &ServicePort, what: &str) -> String {
    format!("-m comment --comment \"{} {what}\"", port.name)
}

fn hashed(port: &ServicePort) -> String {
    let name = port.name.trim_end_matches(':');
    format!("{name}{}", port.protocol)
}

/// As kube-proxy names them: 16 letters of the hash, for a chain's name has 28 at most.
fn chain_name(prefix: &str, of: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let digest = Sha256::digest(of.as_bytes());
    let bits = digest[..10]
        .iter()
        .fold(0_u128, |bits, byte| (bits << 8) | u128::from(*byte));
    let letters = (0..16).rev().map(|place| {
        let five = (bits >> (place * 5)) & 31;
        char::from(LETTERS[five as usize])
    });
    prefix.chars().chain(letters).collect()
}
