use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;
use rustls::server::ResolvesServerCert;

use crate::logs::{pod_log_dir, pod_logs_dir};
use crate::thresholds::{EvictionThresholds, SoftEviction};

/// How Pods of different nodes reach each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetworkBackend {
    /// Through VXLAN, which asks nothing of the network between the nodes but UDP port 8472.
    Vxlan,
    /// By plain routes; all nodes must be on one link.
    HostGw,
}

/// What the kubelet of a node must know; it starts nothing that is not named here.
#[derive(Clone)]
pub struct Config {
    /// The name of the Node object.
    pub node_name: String,
    /// The node's address, for the Node object, Pods on the host's network and `status.hostIP`.
    pub node_ip: IpAddr,
    /// Everything that the kubelet keeps is below it.
    pub data_dir: PathBuf,
    /// The name server of Pods with `dnsPolicy: ClusterFirst`.
    pub cluster_dns: IpAddr,
    /// Such as `cluster.local`.
    pub cluster_domain: String,
    /// The host's resolver configuration; `/etc/resolv.conf` if not given.
    pub resolv_conf: Option<PathBuf>,
    /// The addresses of all Pods of the cluster.
    pub cluster_cidr: IpNet,
    /// How Pods of other nodes are reached.
    pub network_backend: NetworkBackend,
    /// How long the node counts as living after its last heartbeat; it sends one in a quarter of that.
    pub lease_duration: Duration,
    /// Labels of the Node beside those that the kubelet sets itself, such as its role.
    pub labels: BTreeMap<String, String>,
    /// Where the API server calls the kubelet: port 10250.
    pub server_bind: SocketAddr,
    /// Where `/healthz` is served without TLS: 127.0.0.1:10248.
    pub healthz_bind: SocketAddr,
    /// What `server_bind` shows in each new connection.
    pub tls: Arc<dyn ResolvesServerCert>,
    /// The CA of those who may call `server_bind`, in PEM.
    pub client_ca_pem: String,
    /// How many Pods the node takes.
    pub max_pods: u32,
    /// Settings of the kernel that Pods may have beside the safe ones: names, or what names begin with and `*`.
    pub allowed_unsafe_sysctls: Vec<String>,
    /// What must be left of the node: when it is not, Pods are evicted.
    pub eviction_hard: EvictionThresholds,
    /// What must not be missing for long: when it is, Pods are evicted that get time to end.
    pub eviction_soft: SoftEviction,
    /// How long the node counts as short after it was.
    pub eviction_pressure_transition_period: Duration,
}

#[cfg(test)]
impl Config {
    /// A configuration of a node `n1` that keeps everything in `data_dir`.
    pub(crate) fn for_tests(data_dir: impl Into<PathBuf>) -> Self {
        let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
        Self {
            node_name: "n1".to_owned(),
            node_ip: IpAddr::from([192, 168, 0, 1]),
            data_dir: data_dir.into(),
            cluster_dns: IpAddr::from([10, 96, 0, 10]),
            cluster_domain: "cluster.local".to_owned(),
            resolv_conf: None,
            cluster_cidr: IpNet::from(ipnet::Ipv4Net::default()),
            network_backend: NetworkBackend::Vxlan,
            lease_duration: Duration::from_secs(40),
            labels: BTreeMap::new(),
            server_bind: anywhere,
            healthz_bind: anywhere,
            tls: Arc::new(rustls::server::ResolvesServerCertUsingSni::new()),
            client_ca_pem: String::new(),
            max_pods: 110,
            allowed_unsafe_sysctls: Vec::new(),
            eviction_hard: EvictionThresholds::default(),
            eviction_soft: SoftEviction::default(),
            eviction_pressure_transition_period: Duration::from_secs(300),
        }
    }
}

/// Where the kubelet keeps what.
#[derive(Clone, Debug)]
pub(crate) struct Paths {
    data_dir: PathBuf,
}

impl Paths {
    pub(crate) fn new(data_dir: &Path) -> Self {
        Self {
            data_dir: data_dir.to_owned(),
        }
    }

    /// One folder a Pod, named by uid.
    pub(crate) fn pods(&self) -> PathBuf {
        self.data_dir.join("pods")
    }

    pub(crate) fn pod(&self, uid: &str) -> PathBuf {
        self.pods().join(uid)
    }

    pub(crate) fn volume(&self, uid: &str, name: &str) -> PathBuf {
        self.pod(uid).join("volumes").join(name)
    }

    /// Where a `subPath` of a volume is bound for the mount of that index of a container.
    pub(crate) fn subpath(&self, uid: &str, container: &str, mount: usize) -> PathBuf {
        self.subpaths(uid).join(format!("{container}-{mount}"))
    }

    pub(crate) fn subpaths(&self, uid: &str) -> PathBuf {
        self.pod(uid).join("volume-subpaths")
    }

    pub(crate) fn etc_hosts(&self, uid: &str) -> PathBuf {
        self.pod(uid).join("etc-hosts")
    }

    /// The file behind a container's terminationMessagePath, one an attempt.
    pub(crate) fn termination_log(&self, uid: &str, container: &str, attempt: i32) -> PathBuf {
        self.pod(uid)
            .join("containers")
            .join(container)
            .join(attempt.to_string())
    }

    /// Where the logs of all Pods are.
    pub(crate) fn logs(&self) -> PathBuf {
        pod_logs_dir(&self.data_dir)
    }

    /// The folder of a Pod's logs, named as `/var/log/pods` does it.
    pub(crate) fn pod_logs(&self, namespace: &str, name: &str, uid: &str) -> PathBuf {
        pod_log_dir(&self.data_dir, namespace, name, uid)
    }
}
