//! What the host must allow before Services work.

mod forward;
mod route;
mod services;
mod sysctl;

use std::path::Path;

use anyhow::Context;

use crate::dataplane::Ranges;

pub(crate) use forward::{hold_pods_back, let_pods_through};
#[cfg(test)]
pub(crate) use route::lead_here;
pub(crate) use route::{lead_addresses_here, lead_nowhere};
pub(crate) use services::{lead_services_here, noted as noted_ranges};
pub(crate) use sysctl::{
    invalid_is_dropped, prepare_iptables, prepare_ipvs, restore as restore_settings,
};

/// Lets the host forward, shows bridged packets to the rules, and leads the ranges of Services to this host.
/// What the kernel's settings were is noted in `data_dir`.
pub(crate) async fn prepare(ranges: &Ranges, data_dir: &Path) -> anyhow::Result<()> {
    sysctl::note(data_dir).context("note the kernel's settings")?;
    sysctl::prepare().context("let the host forward")?;
    lead_services_here(ranges, data_dir).await
}
