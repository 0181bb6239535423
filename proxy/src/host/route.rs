//! Routes that make addresses of Services the host's own.

use std::net::Ipv4Addr;

use futures::TryStreamExt;
use ipnet::Ipv4Net;
use netlink_packet_route::route::{RouteMessage, RouteScope, RouteType};
use rtnetlink::{Error, Handle, RouteMessageBuilder};

/// The kernel's table of its own addresses (rtnetlink(7), RT_TABLE_LOCAL).
const LOCAL_TABLE: u8 = 255;

/// Makes all addresses of `range` the host's own, spoken to from `node`.
///
/// So a Service answers on a machine without a default route, IPVS sees its packets without an address for each
/// Service, and an address without a Service is refused at once.
pub(crate) async fn lead_here(range: Ipv4Net, node: Ipv4Addr) -> anyhow::Result<()> {
    with_netlink(async |handle| {
        let route = route(&handle, range).await?.pref_source(node);
        add(&handle, route).await
    })
    .await
}

/// Removes the route again; that there is none is no error.
pub(crate) async fn lead_nowhere(range: Ipv4Net) -> anyhow::Result<()> {
    with_netlink(async |handle| remove(&handle, range).await).await
}

/// Makes single addresses the host's own, and others no longer.
pub(crate) async fn lead_addresses_here(
    here: impl Iterator<Item = &Ipv4Addr>,
    away: impl Iterator<Item = &Ipv4Addr>,
) -> anyhow::Result<()> {
    let [here, away] = [here.copied().collect::<Vec<_>>(), away.copied().collect()];
    if here.is_empty() && away.is_empty() {
        return Ok(());
    }
    with_netlink(async |handle| {
        for address in here {
            let route = route(&handle, address.into()).await?;
            add(&handle, route).await?;
        }
        for address in away {
            remove(&handle, address.into()).await?;
        }
        Ok(())
    })
    .await
}

async fn with_netlink(work: impl AsyncFnOnce(Handle) -> Result<(), Error>) -> anyhow::Result<()> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let speaking = tokio::spawn(connection);
    let done = work(handle).await;
    speaking.abort();
    Ok(done?)
}

async fn add(handle: &Handle, route: RouteMessageBuilder<Ipv4Addr>) -> Result<(), Error> {
    let added = handle.route().add(of_local_table(route)).replace();
    added.execute().await
}

async fn remove(handle: &Handle, range: Ipv4Net) -> Result<(), Error> {
    let route = route(handle, range).await?;
    match handle.route().del(of_local_table(route)).execute().await {
        Err(Error::NetlinkError(error)) if error.raw_code() == -nix::libc::ESRCH => Ok(()),
        done => done,
    }
}

async fn route(handle: &Handle, range: Ipv4Net) -> Result<RouteMessageBuilder<Ipv4Addr>, Error> {
    let mut loopback = handle.link().get().match_name("lo".to_owned()).execute();
    let index = loopback
        .try_next()
        .await?
        .map_or(1, |link| link.header.index);
    Ok(RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(range.network(), range.prefix_len())
        .output_interface(index)
        .scope(RouteScope::Host)
        .kind(RouteType::Local))
}

fn of_local_table(route: RouteMessageBuilder<Ipv4Addr>) -> RouteMessage {
    let mut route = route.build();
    route.header.table = LOCAL_TABLE;
    route
}
