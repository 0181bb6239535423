//! The part of the table that does not depend on Services.

use super::rules::Container;
use crate::dataplane::Ranges;
use crate::model::Protocol;

/// Packets that leave with the node's address bear this bit of the mark, as with kube-proxy (`--iptables-masquerade-bit`).
const MASQUERADE: &str = "0x4000";

/// Who translates addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The maps of this table.
    Translating,
    /// IPVS; this table masquerades and refuses.
    BesideIpvs,
}

/// The table with its chains, sets and maps, empty of Services; replaces whatever there was, in one transaction.
///
/// A hairpin is a connection that was translated back to where it came from: what an address asks of itself without a
/// Service between, such as the node of its own port, is nobody's business here.
pub(crate) fn base_table(base: Base, ranges: &Ranges) -> String {
    let Ranges { cluster, services } = ranges;
    let translate = match base {
        // The Service range is local as well, but NodePorts are of the node's own addresses.
        Base::Translating => format!(
            "\t\tip daddr . meta l4proto . th dport vmap @services\n\
             \t\tip daddr {services} return\n\
             \t\tfib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @node_ports\n"
        ),
        Base::BesideIpvs => String::new(),
    };
    let maps: String = Protocol::ALL.into_iter().map(endpoint_maps).collect();
    format!(
        "table ip skiff\n\
         delete table ip skiff\n\
         table ip skiff {{\n\
         \tmap services {{ type ipv4_addr . inet_proto . inet_service : verdict; }}\n\
         \tmap node_ports {{ type inet_proto . inet_service : verdict; }}\n\
         {maps}\
         \tset virtual_servers {{ type ipv4_addr . inet_proto . inet_service; }}\n\
         \tset empty_node_ports {{ type inet_proto . inet_service; }}\n\
         \tset source_keeping_node_ports {{ type inet_proto . inet_service; }}\n\
         \tset hairpins {{ type ipv4_addr . ipv4_addr; }}\n\
         \tchain translate {{\n{translate}\t}}\n\
         \tchain prerouting {{\n\
         \t\ttype nat hook prerouting priority dstnat; policy accept;\n\
         \t\tip daddr {services} ip saddr != {cluster} meta mark set meta mark | {MASQUERADE}\n\
         \t\tfib daddr type local ip daddr != {services} meta l4proto . th dport != @source_keeping_node_ports meta mark set meta mark | {MASQUERADE}\n\
         \t\tjump translate\n\
         \t}}\n\
         \tchain output {{\n\
         \t\ttype nat hook output priority -100; policy accept;\n\
         \t\tjump translate\n\
         \t}}\n\
         \tchain postrouting {{\n\
         \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
         \t\tmeta mark & {MASQUERADE} != 0 masquerade\n\
         \t\tip saddr . ip daddr @hairpins ct original ip saddr . ct original ip daddr != @hairpins masquerade\n\
         \t}}\n\
         \tchain input {{\n\
         \t\ttype filter hook input priority filter; policy accept;\n\
         \t\tip daddr . meta l4proto . th dport @virtual_servers accept\n\
         \t\tip daddr {services} meta l4proto tcp reject with tcp reset\n\
         \t\tip daddr {services} reject\n\
         \t\tfib daddr type local meta l4proto . th dport @empty_node_ports meta l4proto tcp reject with tcp reset\n\
         \t\tfib daddr type local meta l4proto . th dport @empty_node_ports reject\n\
         \t}}\n\
         }}\n"
    )
}

/// The maps from a Service, or a NodePort, and a count to an endpoint.
fn endpoint_maps(protocol: Protocol) -> String {
    let map = |container: Container, address: &str| {
        let key = format!("{address}{protocol} dport . numgen inc mod 65536");
        format!(
            "\tmap {} {{ typeof {key} : ip daddr . {protocol} dport; }}\n",
            container.name()
        )
    };
    map(Container::Endpoints(protocol), "ip daddr . ")
        + &map(Container::NodePortEndpoints(protocol), "")
}
