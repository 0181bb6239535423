//! What the host must allow before Services work.

mod route;
mod sysctl;

use anyhow::Context;

use crate::dataplane::Ranges;
use crate::run::Config;

#[cfg(test)]
pub(crate) use route::lead_here;
pub(crate) use sysctl::prepare_ipvs;

/// Lets the host forward, shows bridged packets to the rules, and leads the Service range to this host.
pub(crate) async fn prepare(config: &Config, ranges: &Ranges) -> anyhow::Result<()> {
    sysctl::prepare().context("let the host forward")?;
    let std::net::IpAddr::V4(node) = config.node_ip else {
        anyhow::bail!("the node's address {} is not IPv4", config.node_ip);
    };
    route::lead_here(ranges.services, node)
        .await
        .with_context(|| format!("route {} to this host", ranges.services))
}
