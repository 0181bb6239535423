//! What the controllers must be told.

use std::time::Duration;

use ipnet::IpNet;

/// The settings of all controllers.
#[derive(Clone, Debug)]
pub struct Config {
    /// The addresses of Pods; each node gets a /24 of it (a /64 in IPv6).
    pub cluster_cidr: IpNet,
    /// The certificates of the cluster's CA, in PEM; every namespace gets them as the ConfigMap `kube-root-ca.crt`.
    pub root_ca_pem: String,
    /// How long a node may be silent before it counts as lost (kube-controller-manager's `--node-monitor-grace-period`).
    pub node_monitor_grace: Duration,
}

impl Config {
    /// The settings of a cluster with these Pod addresses and this CA, and a grace of 40 s.
    pub fn new(cluster_cidr: IpNet, root_ca_pem: String) -> Self {
        Self {
            cluster_cidr,
            root_ca_pem,
            node_monitor_grace: Duration::from_secs(40),
        }
    }
}
