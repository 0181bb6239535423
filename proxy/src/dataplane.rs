//! What every dataplane does.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::ipvs::Ipvs;
use crate::model::Model;
use crate::nftables::Nftables;

/// The ranges of addresses that rules tell apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ranges {
    /// Of Pods, in the whole cluster.
    pub(crate) cluster: Ipv4Net,
    /// Of Services.
    pub(crate) services: Ipv4Net,
}

/// The kernel could not be brought to the model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataplaneError {
    #[error("run nft")]
    Run(#[source] std::io::Error),
    #[error("nft refused the rules: {0}")]
    Refused(String),
    #[error("netlink connection")]
    Connect(#[source] std::io::Error),
    #[error("{what}")]
    Kernel {
        what: String,
        source: std::io::Error,
    },
    #[error("{what}: {why}")]
    Malformed { what: &'static str, why: String },
    #[error("addresses of the node")]
    Addresses(#[source] nix::Error),
}

/// One way to put Services into the kernel. Knows what it has applied, and applies the difference.
pub(crate) enum Dataplane {
    Nftables(Nftables),
    Ipvs(Ipvs),
}

impl Dataplane {
    /// Brings the kernel to `model`. After an error the next call applies everything anew.
    pub(crate) async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        match self {
            Dataplane::Nftables(nftables) => nftables.apply(model).await,
            Dataplane::Ipvs(ipvs) => ipvs.apply(model).await,
        }
    }

    /// For people.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Dataplane::Nftables(_) => "nftables",
            Dataplane::Ipvs(_) => "ipvs",
        }
    }
}

/// The node's own addresses, on which NodePorts answer: all of IPv4 but loopback and those of Services and Pods.
pub(crate) fn node_addresses(ranges: &Ranges) -> Result<Vec<Ipv4Addr>, DataplaneError> {
    let interfaces = nix::ifaddrs::getifaddrs().map_err(DataplaneError::Addresses)?;
    let mut addresses: Vec<Ipv4Addr> = interfaces
        .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
        .filter(|address| {
            !address.is_loopback()
                && !ranges.services.contains(address)
                && !ranges.cluster.contains(address)
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}
