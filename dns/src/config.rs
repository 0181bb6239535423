//! What cluster DNS is told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// What cluster DNS is told.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens, over UDP and TCP; the `kube-dns` Service leads to this port of each API server's machine.
    pub listen: SocketAddr,
    /// The address of the `kube-dns` Service.
    pub cluster_dns: IpAddr,
    /// The cluster's domain, such as `cluster.local`.
    pub cluster_domain: String,
    /// The file that names the upstreams; without one, names outside the cluster fail.
    pub resolv_conf: Option<PathBuf>,
}
