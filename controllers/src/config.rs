//! What the controllers must be told.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

/// What a request for a certificate asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WantedCertificate {
    /// The subject's CN.
    pub common_name: String,
    /// The subject's O.
    pub organizations: Vec<String>,
    /// The DNS names that it is to serve.
    pub names: Vec<String>,
    /// The addresses that it is to serve.
    pub addresses: Vec<IpAddr>,
}

/// Who holds the key of the cluster's CA.
pub trait CertificateSigner: Send + Sync {
    /// What a PKCS#10 request in PEM asks for; `None` if it cannot be read.
    fn read(&self, request_pem: &str) -> Option<WantedCertificate>;

    /// A certificate in PEM for what the request asks for, as `signer_name` gives it, for that long.
    ///
    /// # Errors
    /// When the request cannot be read or the CA cannot sign.
    fn sign(&self, request_pem: &str, signer_name: &str, life: Duration) -> anyhow::Result<String>;
}

/// The settings of all controllers.
#[derive(Clone)]
pub struct Config {
    /// The addresses of Pods; each node gets a /24 of it (a /64 in IPv6).
    pub cluster_cidr: IpNet,
    /// The certificates of the cluster's CA, in PEM; every namespace gets them as the ConfigMap `kube-root-ca.crt`.
    pub root_ca_pem: String,
    /// How long a node may be silent before it counts as lost (kube-controller-manager's `--node-monitor-grace-period`).
    pub node_monitor_grace: Duration,
    /// The ports that the built-in server of Ingresses has while there are any.
    pub ingress_ports: Vec<u16>,
    /// Who signs CertificateSigningRequests; without, nobody looks at them.
    pub signer: Option<Arc<dyn CertificateSigner>>,
}

impl Config {
    /// The settings of a cluster with these Pod addresses and this CA, and a grace of 40 s.
    pub fn new(cluster_cidr: IpNet, root_ca_pem: String) -> Self {
        Self {
            cluster_cidr,
            root_ca_pem,
            node_monitor_grace: Duration::from_secs(40),
            ingress_ports: Vec::new(),
            signer: None,
        }
    }
}
