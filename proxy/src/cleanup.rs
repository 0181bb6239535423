//! Takes everything of the proxy out of the kernel.

use std::net::Ipv4Addr;
use std::path::Path;

use anyhow::Context;
use ipnet::{IpNet, Ipv4Net};

use crate::dataplane::Ranges;
use crate::host::{hold_pods_back, lead_nowhere, noted_ranges, restore_settings};
use crate::mode::remove_others;
use crate::nftables::{Loader, remove_empty_tables};
use crate::policy;

/// Removes the rules, virtual servers and routes of Services and the rules of NetworkPolicies, and gives the kernel back
/// the settings that were noted in `data_dir`; what is not there is no error.
///
/// # Errors
/// If the kernel refuses.
pub async fn cleanup(service_cidr: IpNet, data_dir: &Path) -> anyhow::Result<()> {
    let IpNet::V4(services) = service_cidr else {
        return Ok(());
    };
    let mut routed = noted_ranges(data_dir).context("the ranges that have routes")?;
    routed.insert(services);
    let (loader, ranges) = (Loader::default(), of_nobody(services));
    let removed = remove_others("", &ranges, &loader).await;
    removed.context("the rules of Services")?;
    let removed = loader.nft(&policy::removal()).await;
    removed.context("the rules of NetworkPolicies")?;
    let held_back = hold_pods_back(&loader).await;
    held_back.context("the rules that let Pods through")?;
    let removed = remove_empty_tables(&loader).await;
    removed.context("the empty tables of iptables")?;
    for range in routed {
        let removed = lead_nowhere(range).await;
        removed.with_context(|| format!("the route of {range}"))?;
    }
    restore_settings(data_dir).context("the settings of the kernel")
}

/// What is removed does not depend on the addresses of a node or its Pods.
fn of_nobody(services: Ipv4Net) -> Ranges {
    Ranges {
        node: Ipv4Addr::UNSPECIFIED,
        cluster: Ipv4Addr::UNSPECIFIED.into(),
        services: vec![services],
        node_ports: Vec::new(),
    }
}
