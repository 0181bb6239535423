//! The kernel's links, routes and neighbours, by netlink.

use std::io;
use std::net::{IpAddr, Ipv4Addr};

use anyhow::Context as _;
use futures::{Stream, TryStreamExt};
use ipnet::Ipv4Net;
use netlink_packet_route::AddressFamily;
use netlink_packet_route::link::LinkMessage;
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::RouteMessage;
use rtnetlink::{Handle, LinkUnspec, LinkVxlan, RouteMessageBuilder};
use tokio::task::JoinSet;

use super::messages::{PROTOCOL, forward, mtu, neighbour, route, tunnel};
use super::plan::Step;
use super::wanted::{Entry, Tunnel, Wanted};

/// Named as users of flannel know it, after its VNI.
const TUNNEL: &str = "flannel.1";
const VNI: u32 = 1;
/// Linux' own port of VXLAN, which flannel uses.
const PORT: u16 = 8472;

/// The interface that has the node's address.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uplink {
    pub(super) index: u32,
    pub(super) mtu: u32,
}

/// A connection to the kernel of this network namespace.
pub(super) struct Kernel {
    handle: Handle,
    // Ends with it.
    _speaking: JoinSet<()>,
}

impl Kernel {
    pub(super) fn open() -> anyhow::Result<Self> {
        let (connection, handle, _) = rtnetlink::new_connection().context("open netlink")?;
        let mut speaking = JoinSet::new();
        speaking.spawn(connection);
        Ok(Self {
            handle,
            _speaking: speaking,
        })
    }

    /// The interface with this address.
    pub(super) async fn uplink(&self, address: Ipv4Addr) -> anyhow::Result<Option<Uplink>> {
        let request = self.handle.address().get();
        let found = all(request.set_address_filter(IpAddr::V4(address)).execute()).await?;
        let Some(index) = found.first().map(|found| found.header.index) else {
            return Ok(None);
        };
        let links = all(self.handle.link().get().match_index(index).execute()).await?;
        let mtu = links.first().and_then(mtu);
        Ok(mtu.map(|mtu| Uplink { index, mtu }))
    }

    /// What there is of this module's making.
    pub(super) async fn look(&self) -> anyhow::Result<Wanted> {
        let link = self.link(TUNNEL).await?;
        let mut entries = Vec::new();
        if let Some(link) = &link {
            let index = link.header.index;
            let forwards = self.neighbours(index, AddressFamily::Bridge).await?;
            entries.extend(forwards.iter().filter_map(forward));
            let neighbours = self.neighbours(index, AddressFamily::Inet).await?;
            entries.extend(neighbours.iter().filter_map(neighbour));
        }
        let every = RouteMessageBuilder::<Ipv4Addr>::new().build();
        let routes = all(self.handle.route().get(every).execute()).await?;
        entries.extend(routes.iter().filter_map(route));
        Ok(Wanted {
            tunnel: link.map(|link| tunnel(&link)),
            entries: entries.into_iter().collect(),
        })
    }

    async fn neighbours(
        &self,
        link: u32,
        family: AddressFamily,
    ) -> Result<Vec<NeighbourMessage>, rtnetlink::Error> {
        let request = self.handle.neighbours().get();
        let mut found = all(request.set_address_family(family).execute()).await?;
        found.retain(|one| one.header.ifindex == link);
        Ok(found)
    }

    /// Makes one change.
    pub(super) async fn apply(&self, step: &Step, uplink: &Uplink) -> anyhow::Result<()> {
        match step {
            Step::RemoveTunnel => self.remove_link(TUNNEL).await,
            Step::MakeTunnel(tunnel) => self.make_tunnel(tunnel, uplink).await,
            Step::Remove(entry) => match self.remove(entry, uplink).await {
                Err(rtnetlink::Error::NetlinkError(error)) if is_missing(&error.to_io()) => Ok(()),
                done => Ok(done?),
            },
            Step::Add(entry) => self.add(entry, uplink).await,
        }
    }

    async fn link(&self, name: &str) -> Result<Option<LinkMessage>, rtnetlink::Error> {
        let request = self.handle.link().get().match_name(name.to_owned());
        match all(request.execute()).await {
            Ok(links) => Ok(links.into_iter().next()),
            Err(rtnetlink::Error::NetlinkError(error)) if is_missing(&error.to_io()) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn remove_link(&self, name: &str) -> anyhow::Result<()> {
        if let Some(link) = self.link(name).await? {
            self.handle.link().del(link.header.index).execute().await?;
        }
        Ok(())
    }

    /// It is up last: one that is not is made anew.
    async fn make_tunnel(&self, tunnel: &Tunnel, uplink: &Uplink) -> anyhow::Result<()> {
        let message = LinkVxlan::new(TUNNEL, VNI)
            .dev(uplink.index)
            .local(tunnel.node)
            .port(PORT)
            .learning(false)
            .address(tunnel.mac.0.to_vec())
            .mtu(tunnel.mtu)
            .build();
        self.handle.link().add(message).execute().await?;
        let link = self.link(TUNNEL).await?.context("the tunnel is gone")?;
        let index = link.header.index;
        // What this machine itself sends to Pods has this address, so that the answer takes the same way.
        let address = IpAddr::V4(tunnel.mac.address());
        let adding = self.handle.address().add(index, address, 32);
        adding.execute().await?;
        let up = LinkUnspec::new_with_index(index).up().build();
        Ok(self.handle.link().set(up).execute().await?)
    }

    async fn add(&self, entry: &Entry, uplink: &Uplink) -> anyhow::Result<()> {
        let neighbours = self.handle.neighbours();
        match entry {
            Entry::Forward { mac, node } => {
                let request = neighbours.add_bridge(self.tunnel_index().await?, &mac.0);
                let request = request.destination(IpAddr::V4(*node));
                let request = request.flags(NeighbourFlags::Own).replace();
                request.execute().await?;
            }
            Entry::Neighbour { address, mac } => {
                let request = neighbours.add(self.tunnel_index().await?, IpAddr::V4(*address));
                let request = request.link_layer_address(&mac.0);
                let request = request.state(NeighbourState::Permanent).replace();
                request.execute().await?;
            }
            Entry::Route { pods, via } => {
                let message = self.route_message(pods, via, uplink).await?;
                self.handle.route().add(message).replace().execute().await?;
            }
        }
        Ok(())
    }

    async fn remove(&self, entry: &Entry, uplink: &Uplink) -> Result<(), rtnetlink::Error> {
        if let Entry::Route { pods, via } = entry {
            let message = self.route_message(pods, via, uplink).await?;
            return self.handle.route().del(message).execute().await;
        }
        let mut message = NeighbourMessage::default();
        message.header.ifindex = self.tunnel_index().await?;
        message.header.state = NeighbourState::Permanent;
        let (family, destination) = match entry {
            Entry::Forward { mac, node } => {
                let mac = NeighbourAttribute::LinkLayerAddress(mac.0.to_vec());
                message.attributes.push(mac);
                message.header.flags = NeighbourFlags::Own;
                (AddressFamily::Bridge, node)
            }
            Entry::Neighbour { address, .. } | Entry::Route { via: address, .. } => {
                (AddressFamily::Inet, address)
            }
        };
        message.header.family = family;
        let destination = NeighbourAttribute::Destination(NeighbourAddress::Inet(*destination));
        message.attributes.push(destination);
        self.handle.neighbours().del(message).execute().await
    }

    async fn route_message(
        &self,
        pods: &Ipv4Net,
        via: &Ipv4Addr,
        uplink: &Uplink,
    ) -> Result<RouteMessage, rtnetlink::Error> {
        let route = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(pods.network(), pods.prefix_len())
            .gateway(*via)
            .protocol(PROTOCOL);
        Ok(match pods.contains(via) {
            true => route
                .output_interface(self.tunnel_index().await?)
                .onlink()
                .build(),
            false => route.output_interface(uplink.index).build(),
        })
    }

    /// 0, which is no interface, if there is none.
    async fn tunnel_index(&self) -> Result<u32, rtnetlink::Error> {
        let link = self.link(TUNNEL).await?;
        Ok(link.map_or(0, |link| link.header.index))
    }
}

/// Removes the tunnel and this bridge, as far as they are there, and every route of this module's making.
pub(super) async fn remove_links(bridge: &str) -> anyhow::Result<()> {
    let kernel = Kernel::open()?;
    let every = RouteMessageBuilder::<Ipv4Addr>::new().build();
    let routes = all(kernel.handle.route().get(every).execute()).await?;
    for ours in routes.into_iter().filter(|one| route(one).is_some()) {
        kernel.handle.route().del(ours).execute().await?;
    }
    for name in [TUNNEL, bridge] {
        let removed = kernel.remove_link(name).await;
        removed.with_context(|| format!("remove {name}"))?;
    }
    Ok(())
}

async fn all<T>(
    found: impl Stream<Item = Result<T, rtnetlink::Error>>,
) -> Result<Vec<T>, rtnetlink::Error> {
    found.try_collect().await
}

fn is_missing(error: &io::Error) -> bool {
    let missing = [nix::libc::ENODEV, nix::libc::ENOENT, nix::libc::ESRCH];
    error
        .raw_os_error()
        .is_some_and(|code| missing.contains(&code))
}
