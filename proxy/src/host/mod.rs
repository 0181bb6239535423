//! What the host must allow before Services work.

mod forward;
mod route;
mod sysctl;

use anyhow::Context;

use crate::dataplane::Ranges;

pub(crate) use forward::{hold_pods_back, let_pods_through};
#[cfg(test)]
pub(crate) use route::lead_here;
pub(crate) use route::{lead_addresses_here, lead_nowhere};
pub(crate) use sysctl::{prepare_iptables, prepare_ipvs};

/// Lets the host forward, shows bridged packets to the rules, and leads the Service range to this host.
pub(crate) async fn prepare(ranges: &Ranges) -> anyhow::Result<()> {
    sysctl::prepare().context("let the host forward")?;
    route::lead_here(ranges.services, ranges.node)
        .await
        .with_context(|| format!("route {} to this host", ranges.services))
}
