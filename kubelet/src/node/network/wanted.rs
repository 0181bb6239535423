//! What the kernel is to have, so that Pods of other nodes are reached.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::sync::Arc;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::Node;

use crate::config::NetworkBackend;

/// What VXLAN puts around a packet: outer IP 20, UDP 8, VXLAN 8, inner Ethernet 14.
const VXLAN_OVERHEAD: u32 = 50;

/// Another node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Peer {
    pub(super) pods: Ipv4Net,
    pub(super) node: Ipv4Addr,
}

/// A link-layer address of our own making.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Mac(pub(super) [u8; 6]);

impl Mac {
    /// That of the tunnel's end on the node with these Pods: all nodes know it without being told.
    pub(super) fn of(pods: Ipv4Net) -> Self {
        let [a, b, c, d] = pods.network().octets();
        // Locally administered.
        Self([0x0a, 0x58, a, b, c, d])
    }

    /// The address of that end: the first one of the Pods' range, which no Pod gets.
    pub(super) fn address(self) -> Ipv4Addr {
        let [_, _, a, b, c, d] = self.0;
        Ipv4Addr::new(a, b, c, d)
    }
}

/// This node's end of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tunnel {
    pub(super) mac: Mac,
    pub(super) node: Ipv4Addr,
    pub(super) mtu: u32,
}

/// An entry of one of the kernel's tables. In this order they are added, and removed in the opposite one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Entry {
    /// Frames to this end of the tunnel are sent to that node.
    Forward { mac: Mac, node: Ipv4Addr },
    /// This address is behind that end.
    Neighbour { address: Ipv4Addr, mac: Mac },
    /// These Pods are behind this address: an end of the tunnel if it is one of theirs, else a node.
    Route { pods: Ipv4Net, via: Ipv4Addr },
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) tunnel: Option<Tunnel>,
    pub(super) entries: BTreeSet<Entry>,
}

impl Wanted {
    pub(super) fn new(
        backend: NetworkBackend,
        pods: Ipv4Net,
        node: Ipv4Addr,
        uplink_mtu: u32,
        peers: &[Peer],
    ) -> Self {
        match backend {
            // A cluster of one machine has no tunnel.
            NetworkBackend::Vxlan if !peers.is_empty() => Self {
                tunnel: Some(Tunnel {
                    mac: Mac::of(pods),
                    node,
                    mtu: pod_mtu(backend, uplink_mtu),
                }),
                entries: peers.iter().flat_map(through_tunnel).collect(),
            },
            NetworkBackend::Vxlan => Self::default(),
            NetworkBackend::HostGw => Self {
                tunnel: None,
                entries: peers.iter().map(straight).collect(),
            },
        }
    }
}

fn through_tunnel(peer: &Peer) -> [Entry; 3] {
    let mac = Mac::of(peer.pods);
    let (pods, address) = (peer.pods, mac.address());
    [
        Entry::Forward {
            mac,
            node: peer.node,
        },
        Entry::Neighbour { address, mac },
        Entry::Route { pods, via: address },
    ]
}

fn straight(peer: &Peer) -> Entry {
    Entry::Route {
        pods: peer.pods,
        via: peer.node,
    }
}

/// The MTU of Pods on a node whose uplink has `uplink_mtu`.
pub(super) fn pod_mtu(backend: NetworkBackend, uplink_mtu: u32) -> u32 {
    match backend {
        NetworkBackend::Vxlan => uplink_mtu.saturating_sub(VXLAN_OVERHEAD),
        NetworkBackend::HostGw => uplink_mtu,
    }
}

/// The nodes beside `own` that have Pod addresses, which must not be this node's.
pub(super) fn peers(nodes: &[Arc<Node>], own: &str, pods: Ipv4Net) -> Vec<Peer> {
    let others = nodes
        .iter()
        .filter(|node| node.metadata.name.as_deref() != Some(own));
    let mut peers: Vec<Peer> = others
        .filter_map(|node| peer(node))
        .filter(|peer| !peer.pods.contains(&pods) && !pods.contains(&peer.pods))
        .collect();
    peers.sort_unstable();
    peers
}

fn peer(node: &Node) -> Option<Peer> {
    let pods: Ipv4Net = node.spec.as_ref()?.pod_cidr.as_ref()?.parse().ok()?;
    let addresses = node.status.as_ref()?.addresses.as_ref()?;
    let internal = addresses.iter().find(|one| one.type_ == "InternalIP")?;
    Some(Peer {
        pods: pods.trunc(),
        node: internal.address.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(name: &str, pods: &str, address: &str) -> Arc<Node> {
        let node = json!({"metadata": {"name": name}, "spec": {"podCIDR": pods},
            "status": {"addresses": [{"type": "Hostname", "address": name},
                                     {"type": "InternalIP", "address": address}]}});
        Arc::new(serde_json::from_value(node).unwrap())
    }

    #[test]
    fn peers_are_the_other_nodes_with_addresses_of_their_own() {
        let nodes = [
            node("n1", "10.244.0.0/24", "192.168.0.1"),
            node("n2", "10.244.1.0/24", "192.168.0.2"),
            node("twin", "10.244.0.0/24", "192.168.0.3"),
            node("new", "", "192.168.0.4"),
            node("v6", "fd00::/64", "192.168.0.5"),
        ];
        let expected = Peer {
            pods: "10.244.1.0/24".parse().unwrap(),
            node: "192.168.0.2".parse().unwrap(),
        };
        let own = "10.244.0.0/24".parse().unwrap();
        assert_eq!(peers(&nodes, "n1", own), [expected]);
    }

    #[test]
    fn a_peer_is_three_entries_through_the_tunnel_and_one_route_without() {
        let peer = Peer {
            pods: "10.244.1.0/24".parse().unwrap(),
            node: "192.168.0.2".parse().unwrap(),
        };
        let wanted = |backend, peers: &[Peer]| {
            let own = "192.168.0.1".parse().unwrap();
            Wanted::new(backend, "10.244.0.0/24".parse().unwrap(), own, 1500, peers)
        };
        let tunnelled = wanted(NetworkBackend::Vxlan, &[peer]);
        assert_eq!(tunnelled.tunnel.map(|tunnel| tunnel.mtu), Some(1450));
        let mac = Mac([0x0a, 0x58, 10, 244, 1, 0]);
        let address = "10.244.1.0".parse().unwrap();
        let pods = peer.pods;
        let expected = [
            Entry::Forward {
                mac,
                node: peer.node,
            },
            Entry::Neighbour { address, mac },
            Entry::Route { pods, via: address },
        ];
        assert!(tunnelled.entries.iter().eq(&expected), "{tunnelled:?}");
        let plain = wanted(NetworkBackend::HostGw, &[peer]);
        let via = peer.node;
        assert_eq!(plain.tunnel, None);
        assert!(plain.entries.iter().eq(&[Entry::Route { pods, via }]));
        assert_eq!(wanted(NetworkBackend::Vxlan, &[]), Wanted::default());
    }
}
