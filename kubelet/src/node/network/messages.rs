//! What the kernel says of links, neighbours and routes, read.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use netlink_packet_route::link::{
    InfoData, InfoVxlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{RouteAddress, RouteAttribute, RouteMessage, RouteProtocol};

use super::wanted::{Entry, Mac, Tunnel};

/// Marks the routes of this module (rtnetlink(7), `rtm_protocol`: a number that nobody has taken).
pub(super) const PROTOCOL: RouteProtocol = RouteProtocol::Other(83);

pub(super) fn mtu(link: &LinkMessage) -> Option<u32> {
    link.attributes.iter().find_map(|one| match one {
        LinkAttribute::Mtu(mtu) => Some(*mtu),
        _ => None,
    })
}

/// As it is, or as something that is never wanted if it is not whole.
pub(super) fn tunnel(link: &LinkMessage) -> Tunnel {
    let mut tunnel = Tunnel {
        mac: Mac([0; 6]),
        node: Ipv4Addr::UNSPECIFIED,
        mtu: mtu(link).unwrap_or_default(),
    };
    if !link.header.flags.contains(LinkFlags::Up) {
        return tunnel;
    }
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Address(mac) => {
                tunnel.mac = mac.as_slice().try_into().map_or(tunnel.mac, Mac);
            }
            LinkAttribute::LinkInfo(infos) => {
                tunnel.node = infos.iter().find_map(local).unwrap_or(tunnel.node);
            }
            _ => {}
        }
    }
    tunnel
}

fn local(info: &LinkInfo) -> Option<Ipv4Addr> {
    let LinkInfo::Data(InfoData::Vxlan(infos)) = info else {
        return None;
    };
    infos.iter().find_map(|info| match info {
        InfoVxlan::Local(address) => Some(*address),
        _ => None,
    })
}

pub(super) fn forward(message: &NeighbourMessage) -> Option<Entry> {
    Some(Entry::Forward {
        mac: mac(message)?,
        node: destination(message)?,
    })
}

pub(super) fn neighbour(message: &NeighbourMessage) -> Option<Entry> {
    if message.header.state != NeighbourState::Permanent {
        return None;
    }
    Some(Entry::Neighbour {
        address: destination(message)?,
        mac: mac(message)?,
    })
}

fn mac(message: &NeighbourMessage) -> Option<Mac> {
    message.attributes.iter().find_map(|one| match one {
        NeighbourAttribute::LinkLayerAddress(mac) => mac.as_slice().try_into().ok().map(Mac),
        _ => None,
    })
}

/// The kernel gives a forwarding entry's destination without saying of which family it is.
fn destination(message: &NeighbourMessage) -> Option<Ipv4Addr> {
    message.attributes.iter().find_map(|one| match one {
        NeighbourAttribute::Destination(NeighbourAddress::Inet(address)) => Some(*address),
        NeighbourAttribute::Destination(NeighbourAddress::Other(bytes)) => {
            <[u8; 4]>::try_from(bytes.as_slice())
                .ok()
                .map(Ipv4Addr::from)
        }
        _ => None,
    })
}

/// A route of this module's making.
pub(super) fn route(message: &RouteMessage) -> Option<Entry> {
    if message.header.protocol != PROTOCOL {
        return None;
    }
    let mut parts = (None, None);
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(pods)) => parts.0 = Some(*pods),
            RouteAttribute::Gateway(RouteAddress::Inet(via)) => parts.1 = Some(*via),
            _ => {}
        }
    }
    let (pods, via) = (parts.0?, parts.1?);
    let pods = Ipv4Net::new(pods, message.header.destination_prefix_length).ok()?;
    Some(Entry::Route { pods, via })
}
