//! What an API server must be told.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::client::ResolvesClientCert;
use rustls::server::ResolvesServerCert;

use crate::node_signer::NodeSigner;

/// The choices of a cluster that its API server must know. Certificates are asked for in each new connection, so they may
/// be renewed meanwhile.
#[derive(Clone)]
pub struct Config {
    /// The address of the `kubernetes` Service's endpoint: where Pods and other machines reach this server.
    pub advertise: IpAddr,
    /// The port of that endpoint.
    pub port: u16,
    /// How long the server may be silent before others with the same store take its address from there; none if it is the
    /// only one. At least three seconds.
    pub server_lease: Option<Duration>,
    /// What the server shows to its clients.
    pub tls: Arc<dyn ResolvesServerCert>,
    /// The authorities (PEM) whose client certificates are believed: CN is the user, each O a group.
    pub client_ca_pem: String,
    /// The EC P-256 key (PEM, PKCS#8) that signs the tokens of service accounts.
    pub service_account_key_pem: String,
    /// What the server shows to kubelets.
    pub kubelet_client: Arc<dyn ResolvesClientCert>,
    /// The authorities (PEM) that kubelets' serving certificates come from.
    pub kubelet_ca_pem: String,
    /// What the server shows to the API servers of further groups, which then believe who it says asks.
    pub proxy_client: Arc<dyn ResolvesClientCert>,
    /// The authority (PEM) of that certificate: another one than that of clients.
    pub proxy_ca_pem: String,
    /// Signs for machines that join; without it none can.
    pub node_signer: Option<NodeSigner>,
    /// Where the addresses of Services are taken from; the first one is that of `default/kubernetes`.
    pub service_cidr: IpNet,
    /// Where node ports are taken from.
    pub node_ports: RangeInclusive<u16>,
    /// The address of `kube-system/kube-dns`, which no other Service gets by chance.
    pub cluster_dns: IpAddr,
    /// The cluster's DNS domain, such as `cluster.local`.
    pub cluster_domain: String,
}

impl Config {
    /// The issuer, and the default audience, of service-account tokens.
    pub(crate) fn issuer(&self) -> String {
        format!("https://kubernetes.default.svc.{}", self.cluster_domain)
    }
}
