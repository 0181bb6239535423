//! Takes everything of the proxy out of the kernel.

use std::net::Ipv4Addr;

use anyhow::Context;
use ipnet::{IpNet, Ipv4Net};

use crate::dataplane::Ranges;
use crate::host::{hold_pods_back, lead_nowhere};
use crate::mode::remove_others;
use crate::nftables::Loader;

/// Removes the rules, virtual servers and routes of Services; what is not there is no error.
///
/// # Errors
/// If the kernel refuses.
pub async fn cleanup(service_cidr: IpNet) -> anyhow::Result<()> {
    let IpNet::V4(services) = service_cidr else {
        return Ok(());
    };
    let (loader, ranges) = (Loader::default(), of_nobody(services));
    let removed = remove_others("", &ranges, &loader).await;
    removed.context("the rules of Services")?;
    let held_back = hold_pods_back(&loader).await;
    held_back.context("the rules that let Pods through")?;
    let removed = lead_nowhere(services).await;
    removed.with_context(|| format!("the route of {services}"))
}

/// What is removed does not depend on the addresses of a node or its Pods.
fn of_nobody(services: Ipv4Net) -> Ranges {
    Ranges {
        node: Ipv4Addr::UNSPECIFIED,
        cluster: Ipv4Addr::UNSPECIFIED.into(),
        services,
        node_ports: Vec::new(),
    }
}
