//! The part of the table that does not depend on Services.

use ipnet::Ipv4Net;

use super::items::Container;
use super::table::TABLE;
use crate::dataplane::Ranges;
use crate::model::Protocol;

/// Packets that leave with the node's address bear this bit of the mark, as with kube-proxy (`--iptables-masquerade-bit`).
const MASQUERADE: &str = "0x4000";
/// The key of a front, and that of a NodePort, in a packet.
const FRONT: &str = "ip daddr . meta l4proto . th dport";
const NODE_PORT: &str = "meta l4proto . th dport";

/// Who translates addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// The maps of this table.
    Translating {
        /// Whether packets of Pods go no further that belong to no connection.
        drops_invalid: bool,
    },
    /// IPVS; this table masquerades and refuses.
    BesideIpvs,
    /// Proxies in this process, to which the table leads connections.
    Redirecting,
}

/// The table with its chains, sets and maps, empty of Services; replaces whatever there was, in one transaction.
///
/// Refused is who begins: the packets of connections that stand are looked at no further, as with kube-proxy.
///
/// A hairpin is a connection that was translated back to where it came from: what an address asks of itself without a
/// Service between, such as the node of its own port, is nobody's business here.
pub(crate) fn base_table(base: Base, ranges: &Ranges) -> String {
    let (containers, translate) = (containers(), translate(base, ranges));
    let (cluster, services) = (ranges.cluster, one_of(&ranges.services));
    let refuse = |what: &str| {
        format!("\t\t{what} meta l4proto tcp reject with tcp reset\n\t\t{what} reject\n")
    };
    let (unknown, empty, empty_node_port) = (
        refuse(&format!("ip daddr {services}")),
        refuse(&format!("{FRONT} @empty_services")),
        refuse(&format!(
            "{} {NODE_PORT} @empty_node_ports",
            node_ports_at(ranges, true)
        )),
    );
    let node_address = node_ports_at(ranges, true);
    let own = own_connections(base, ranges);
    let mark = format!("meta mark set meta mark | {MASQUERADE}");
    let (answers, invalid) = (answers(base), invalid(base, ranges));
    format!(
        "table ip {TABLE}\n\
         delete table ip {TABLE}\n\
         table ip {TABLE} {{\n\
         {containers}\
         {translate}\
         {answers}\
         \tchain prerouting {{\n\
         \t\ttype nat hook prerouting priority dstnat; policy accept;\n\
         \t\t{FRONT} vmap @guarded\n\
         \t\tip daddr {services} ip saddr != {cluster} {mark}\n\
         \t\t{FRONT} @masqueraded {mark}\n\
         \t\t{node_address} {NODE_PORT} @masqueraded_node_ports {mark}\n\
         \t\tjump translate\n\
         \t}}\n\
         \tchain output {{\n\
         \t\ttype nat hook output priority -100; policy accept;\n\
         {own}\
         \t\tjump translate\n\
         \t}}\n\
         \tchain postrouting {{\n\
         \t\ttype nat hook postrouting priority srcnat; policy accept;\n\
         \t\tmeta mark & {MASQUERADE} != 0 masquerade\n\
         \t\tip saddr . ip daddr @hairpins ct original ip saddr . ct original ip daddr != @hairpins masquerade\n\
         \t}}\n\
         \tchain input {{\n\
         \t\ttype filter hook input priority filter; policy accept;\n\
         \t\tct state != new accept\n\
         \t\t{FRONT} @virtual_servers accept\n\
         {unknown}{empty}{empty_node_port}\
         \t}}\n\
         \tchain forward {{\n\
         \t\ttype filter hook forward priority filter; policy accept;\n\
         {invalid}\
         \t\tct state != new accept\n\
         {empty}\
         \t}}\n\
         }}\n"
    )
}

/// An answer that conntrack does not know is not translated back: its client would take it for a stranger's, and reset the
/// connection.
fn invalid(base: Base, ranges: &Ranges) -> String {
    let cluster = ranges.cluster;
    match base {
        Base::Translating {
            drops_invalid: true,
        } => ["saddr", "daddr"]
            .map(|side| format!("\t\tip {side} {cluster} ct state invalid drop\n"))
            .concat(),
        _ => String::new(),
    }
}

/// What matches an address at which NodePorts answer. The ranges of Services are local as well, but are none.
fn node_ports_at(ranges: &Ranges, loopback: bool) -> String {
    let services = one_of(&ranges.services);
    let mut matched = format!("fib daddr type local ip daddr != {services}");
    if !loopback {
        matched += " ip daddr != 127.0.0.0/8";
    }
    if !ranges.node_ports.is_empty() {
        matched += &format!(" ip daddr {}", one_of(&ranges.node_ports));
    }
    matched
}

fn one_of(ranges: &[Ipv4Net]) -> String {
    if let [one] = ranges {
        return one.to_string();
    }
    let all: Vec<String> = ranges.iter().map(ToString::to_string).collect();
    format!("{{ {} }}", all.join(", "))
}

/// What the node itself asks of a proxy goes to the node's address: from loopback, a datagram's answer would not come back.
fn own_connections(base: Base, ranges: &Ranges) -> String {
    let (node, at) = (ranges.node, node_ports_at(ranges, true));
    match base {
        Base::Translating { .. } | Base::BesideIpvs => String::new(),
        Base::Redirecting => format!(
            "\t\tmeta l4proto {{ tcp, udp }} dnat ip to {node}:{FRONT} map @redirects\n\
             \t\t{at} meta l4proto {{ tcp, udp }} dnat ip to {node}:{NODE_PORT} map @node_port_redirects\n"
        ),
    }
}

fn translate(base: Base, ranges: &Ranges) -> String {
    let lines = match base {
        Base::BesideIpvs => String::new(),
        Base::Translating { .. } => {
            let (node, cluster) = (node_ports_at(ranges, false), ranges.cluster);
            return format!(
                "\tchain inside {{\n\
                 \t\t{FRONT} vmap @inside_services\n\
                 \t\t{node} {NODE_PORT} vmap @inside_node_ports\n\
                 \t}}\n\
                 \tchain translate {{\n\
                 \t\tip saddr {cluster} jump inside\n\
                 \t\tfib saddr type local jump inside\n\
                 \t\t{FRONT} vmap @services\n\
                 \t\t{node} {NODE_PORT} vmap @node_ports\n\
                 \t}}\n"
            );
        }
        Base::Redirecting => {
            let node = node_ports_at(ranges, true);
            format!(
                "\t\tmeta l4proto {{ tcp, udp }} redirect to :{FRONT} map @redirects\n\
                 \t\t{node} meta l4proto {{ tcp, udp }} redirect to :{NODE_PORT} map @node_port_redirects\n"
            )
        }
    };
    format!("\tchain translate {{\n{lines}\t}}\n")
}

/// Answers that IPVS has translated get the address that their connection asked, which conntrack knows. IPVS itself knows an
/// answer by client and endpoint alone: a client that speaks from one port to one endpoint through two addresses would
/// get the answers of both connections from the address that it asked last, and the older one would hang.
fn answers(base: Base) -> String {
    if base != Base::BesideIpvs {
        return String::new();
    }
    let original = "meta l4proto . ct original proto-dst";
    let asked = [
        format!("ct original ip daddr . {original} @virtual_servers"),
        format!("{original} @virtual_node_ports"),
    ];
    let corrected = |asked: &String| {
        ["tcp", "udp"].map(|protocol| {
            format!(
                "\t\tct direction reply meta l4proto {protocol} {asked} \
                 ip saddr set ct original ip daddr {protocol} sport set ct original proto-dst\n"
            )
        })
    };
    let rules = asked.iter().flat_map(corrected).collect::<String>();
    // Right behind IPVS, which works at 98 and 100 (net/netfilter/ipvs/ip_vs_core.c).
    ["forward", "input"]
        .map(|hook| {
            format!(
                "\tchain answers_{hook} {{\n\
                 \t\ttype filter hook {hook} priority 101; policy accept;\n\
                 {rules}\
                 \t}}\n"
            )
        })
        .concat()
}

fn containers() -> String {
    let front = "type ipv4_addr . inet_proto . inet_service";
    let node_port = "type inet_proto . inet_service";
    let declared = [
        ("map", Container::Services, front, " : verdict"),
        ("map", Container::InsideServices, front, " : verdict"),
        ("map", Container::Guarded, front, " : verdict"),
        ("map", Container::Redirects, front, " : inet_service"),
        ("map", Container::NodePorts, node_port, " : verdict"),
        ("map", Container::InsideNodePorts, node_port, " : verdict"),
        (
            "map",
            Container::NodePortRedirects,
            node_port,
            " : inet_service",
        ),
        ("set", Container::VirtualServers, front, ""),
        ("set", Container::VirtualNodePorts, node_port, ""),
        ("set", Container::EmptyServices, front, ""),
        ("set", Container::Masqueraded, front, ""),
        ("set", Container::EmptyNodePorts, node_port, ""),
        ("set", Container::MasqueradedNodePorts, node_port, ""),
        ("set", Container::Hairpins, "type ipv4_addr . ipv4_addr", ""),
    ];
    let declared = declared.map(|(kind, container, key, value)| {
        format!("\t{kind} {} {{ {key}{value}; }}\n", container.name())
    });
    declared.concat() + &Protocol::ALL.map(endpoint_maps).concat()
}

/// The maps from a front, or a NodePort, and a count to an endpoint.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_no_connection_is_dropped_where_this_table_translates() {
        let ranges = Ranges {
            node: [192, 0, 2, 1].into(),
            cluster: "10.244.0.0/16".parse().expect("a range"),
            services: vec!["10.96.0.0/12".parse().expect("a range")],
            node_ports: Vec::new(),
        };
        for (base, drops) in [
            (
                Base::Translating {
                    drops_invalid: true,
                },
                true,
            ),
            (
                Base::Translating {
                    drops_invalid: false,
                },
                false,
            ),
            (Base::BesideIpvs, false),
            (Base::Redirecting, false),
        ] {
            let text = base_table(base, &ranges);
            for side in ["saddr", "daddr"] {
                let rule = format!("ip {side} 10.244.0.0/16 ct state invalid drop");
                assert_eq!(text.contains(&rule), drops, "{base:?}");
            }
        }
    }
}
