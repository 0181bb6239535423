//! The route of the Service range.

use std::net::Ipv4Addr;

use futures::TryStreamExt;
use ipnet::Ipv4Net;
use netlink_packet_route::route::{RouteScope, RouteType};
use rtnetlink::RouteMessageBuilder;

/// The kernel's table of its own addresses (rtnetlink(7), RT_TABLE_LOCAL).
const LOCAL_TABLE: u8 = 255;

/// Makes all addresses of `range` the host's own, spoken to from `node`.
///
/// So a Service answers on a machine without a default route, IPVS sees its packets without an address for each
/// Service, and an address without a Service is refused at once.
pub(crate) async fn lead_here(range: Ipv4Net, node: Ipv4Addr) -> anyhow::Result<()> {
    let (connection, handle, _) = rtnetlink::new_connection()?;
    let speaking = tokio::spawn(connection);
    let mut loopback = handle.link().get().match_name("lo".to_owned()).execute();
    let index = loopback
        .try_next()
        .await?
        .map_or(1, |link| link.header.index);
    let mut route = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(range.network(), range.prefix_len())
        .output_interface(index)
        .pref_source(node)
        .scope(RouteScope::Host)
        .kind(RouteType::Local)
        .build();
    route.header.table = LOCAL_TABLE;
    let added = handle.route().add(route).replace().execute().await;
    drop(handle);
    speaking.abort();
    Ok(added?)
}
