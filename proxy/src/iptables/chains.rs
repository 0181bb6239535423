//! A model as chains: pure.

use super::rules::{Chains, Table};
use super::service::add_service;
use crate::dataplane::Ranges;
use crate::model::Model;

/// Marks packets that leave with the node's address (kube-proxy's `--iptables-masquerade-bit`).
const MASQUERADE: &str = "0x4000";

/// All chains of a model.
pub(super) fn chains(model: &Model, ranges: &Ranges) -> Chains {
    let mut chains = Chains::default();
    masquerading(&mut chains);
    for (table, chain) in [
        (Table::Nat, "KUBE-SERVICES"),
        (Table::Nat, "KUBE-NODEPORTS"),
        (Table::Filter, "KUBE-SERVICES"),
        (Table::Filter, "KUBE-PROXY-FIREWALL"),
        (Table::Filter, "KUBE-FORWARD"),
    ] {
        chains.0.insert((table, chain.to_owned()), Vec::new());
    }
    for port in model.ports() {
        add_service(&mut chains, port, ranges);
    }
    node_ports_last(&mut chains, ranges);
    refuse(&mut chains, ranges);
    chains
}

/// Packets of Pods go no further that belong to no connection: an answer that is not translated back would make its client
/// reset the connection.
pub(super) fn drop_invalid(chains: &mut Chains, ranges: &Ranges) {
    for side in ["-s", "-d"] {
        let rule = format!(
            "{side} {} -m conntrack --ctstate INVALID -j DROP",
            ranges.cluster
        );
        chains.add(Table::Filter, "KUBE-FORWARD", rule);
    }
}

fn masquerading(chains: &mut Chains) {
    let (mark, post) = ("KUBE-MARK-MASQ", "KUBE-POSTROUTING");
    let marked = format!("{MASQUERADE}/{MASQUERADE}");
    chains.add(Table::Nat, mark, format!("-j MARK --or-mark {MASQUERADE}"));
    let unmarked = format!("-m mark ! --mark {marked} -j RETURN");
    chains.add(Table::Nat, post, unmarked);
    let unmark = format!("-j MARK --xor-mark {MASQUERADE}");
    chains.add(Table::Nat, post, unmark);
    chains.add(Table::Nat, post, "-j MASQUERADE --random-fully");
}

/// The ranges of Services are local to the host, but their addresses are none of the node.
fn node_ports_last(chains: &mut Chains, ranges: &Ranges) {
    for services in &ranges.services {
        let rule = format!("-d {services} -j RETURN");
        chains.add(Table::Nat, "KUBE-SERVICES", rule);
    }
    if ranges.node_ports.is_empty() {
        let local = "-m addrtype --dst-type LOCAL -j KUBE-NODEPORTS";
        chains.add(Table::Nat, "KUBE-SERVICES", local);
    }
    for range in &ranges.node_ports {
        let rule = format!("-d {range} -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS");
        chains.add(Table::Nat, "KUBE-SERVICES", rule);
    }
}

/// Addresses without a Service, and what asks for loopback from elsewhere (CVE-2020-8558).
fn refuse(chains: &mut Chains, ranges: &Ranges) {
    for services in &ranges.services {
        let reset = format!("-d {services} -p tcp -j REJECT --reject-with tcp-reset");
        chains.add(Table::Filter, "KUBE-SERVICES", reset);
        let reject = format!("-d {services} -j REJECT");
        chains.add(Table::Filter, "KUBE-SERVICES", reject);
    }
    chains.add(
        Table::Filter,
        "KUBE-FIREWALL",
        "! -s 127.0.0.0/8 -d 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP",
    );
}
