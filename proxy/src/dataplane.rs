//! What every dataplane does.

use std::net::Ipv4Addr;

use async_trait::async_trait;
use ipnet::Ipv4Net;

use crate::model::Model;

/// The addresses that rules tell apart.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    /// Of the node.
    pub(crate) node: Ipv4Addr,
    /// Of Pods, in the whole cluster.
    pub(crate) cluster: Ipv4Net,
    /// Of Services; none has an address of another.
    pub(crate) services: Vec<Ipv4Net>,
    /// Of the node's addresses at which NodePorts answer; all if empty.
    pub(crate) node_ports: Vec<Ipv4Net>,
}

impl Ranges {
    /// Whether an address is of the Services'.
    pub(crate) fn is_service(&self, address: Ipv4Addr) -> bool {
        self.services.iter().any(|range| range.contains(&address))
    }
}

/// The kernel could not be brought to the model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DataplaneError {
    #[error("run {program}")]
    Run {
        program: &'static str,
        source: std::io::Error,
    },
    #[error("{program} refused the rules: {said}")]
    Refused { program: &'static str, said: String },
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
    #[error("listen for {name}")]
    Listen {
        name: String,
        source: std::io::Error,
    },
}

/// One way to put Services into the kernel. Knows what it has applied, and applies the difference.
#[async_trait]
pub(crate) trait Dataplane: Send + Sync {
    /// As in KubeProxyConfiguration.mode.
    fn name(&self) -> &'static str;

    /// Brings the kernel to `model`. After an error the next call applies everything anew.
    async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError>;

    /// Somebody else changed the kernel: the next call applies everything anew.
    fn forget(&mut self);

    /// Takes everything out of the kernel, for another dataplane.
    async fn remove(&mut self) -> Result<(), DataplaneError>;
}

/// The node's own addresses, on which NodePorts answer: all of IPv4 but loopback and those of Services and Pods.
pub(crate) fn node_addresses(ranges: &Ranges) -> Result<Vec<Ipv4Addr>, DataplaneError> {
    let interfaces = nix::ifaddrs::getifaddrs().map_err(DataplaneError::Addresses)?;
    let wanted = |address: &Ipv4Addr| {
        ranges.node_ports.is_empty()
            || ranges
                .node_ports
                .iter()
                .any(|range| range.contains(address))
    };
    let mut addresses: Vec<Ipv4Addr> = interfaces
        .filter_map(|interface| Some(interface.address?.as_sockaddr_in()?.ip()))
        .filter(|address| {
            !address.is_loopback()
                && !ranges.is_service(*address)
                && !ranges.cluster.contains(address)
                && wanted(address)
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    Ok(addresses)
}
