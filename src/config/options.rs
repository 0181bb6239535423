//! The options as users give them, by flag or file.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::{Args, ValueEnum};
use ipnet::IpNet;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use skiff_kubelet::{EvictionThresholds, GracePeriods};

use super::Mirror;

/// How Services reach the kernel.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProxyMode {
    /// IPVS where the kernel has it, else nftables.
    Auto,
    /// Virtual servers of the kernel.
    Ipvs,
    /// Maps of nftables.
    Nftables,
    /// Chains of iptables.
    Iptables,
    /// Proxies in this process.
    Userspace,
}

/// How Pods of different nodes reach each other.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum NetworkBackend {
    /// Through a tunnel between any two nodes.
    Vxlan,
    /// By plain routes; all nodes must be on one link.
    HostGw,
}

/// What a machine is told for itself, whatever its part in the cluster.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct NodeOptions {
    /// Where the node lives [default: /var/lib/skiff]
    #[arg(long, env = "SKIFF_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// The node's name [default: the host's name]
    #[arg(long)]
    pub(crate) node_name: Option<String>,
    /// The node's address [default: that of the default route's interface, else the first one]
    #[arg(long)]
    pub(crate) node_ip: Option<IpAddr>,
    /// The host's resolver configuration, for Pods that use it [default: /etc/resolv.conf]
    #[arg(long)]
    pub(crate) resolv_conf: Option<PathBuf>,
    /// The socket of a containerd to use, instead of skiff's own
    #[arg(long)]
    pub(crate) containerd: Option<PathBuf>,
    /// Pull images of the registry NAME from URL (may be repeated)
    #[arg(long = "registry-mirror", value_name = "NAME=URL")]
    pub(crate) registry_mirrors: Vec<Mirror>,
    /// Settings of the kernel that Pods may have beside the safe ones, such as kernel.msg*
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) allowed_unsafe_sysctls: Vec<String>,
    /// What must be left of the node: when it is not, Pods are evicted
    /// [default: memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,…]
    #[arg(long, value_name = "SIGNAL<VALUE,…")]
    pub(crate) eviction_hard: Option<EvictionThresholds>,
    /// What must not be missing for long: when it is, Pods are evicted that get time to end
    #[arg(long, value_name = "SIGNAL<VALUE,…")]
    pub(crate) eviction_soft: Option<EvictionThresholds>,
    /// For how long it may be missing
    #[arg(long, value_name = "SIGNAL=DURATION,…")]
    pub(crate) eviction_soft_grace_period: Option<GracePeriods>,
    /// The most that a Pod then gets to end [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) eviction_max_pod_grace_period: Option<u32>,
    /// How long the node counts as short after it was [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) eviction_pressure_transition_period: Option<SignedDuration>,
    /// Stop all Pods when skiff stops, instead of leaving them running
    #[arg(long)]
    pub(crate) stop_pods: bool,
}

/// Options of `skiff agent`.
#[derive(Args, Clone, Debug)]
pub(crate) struct AgentOptions {
    /// An API server of the cluster to join, or several, such as https://192.168.1.10:6443; needed once
    #[arg(
        long,
        value_name = "URL,…",
        env = "SKIFF_SERVER",
        value_delimiter = ','
    )]
    pub(crate) server: Vec<String>,
    /// What `skiff token create` printed there; needed once
    #[arg(long, env = "SKIFF_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    #[command(flatten)]
    pub(crate) node: NodeOptions,
}

/// Options of `skiff up`. Each may also stand in the YAML file that `--config` names, under the same name without dashes in front.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct UpOptions {
    /// Where the cluster lives [default: /var/lib/skiff]
    #[arg(long, env = "SKIFF_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where to write the administrator's kubeconfig [default: <data-dir>/kubeconfig]
    #[arg(long)]
    pub(crate) kubeconfig: Option<PathBuf>,
    /// Where the API server listens [default: 0.0.0.0:6443]
    #[arg(long)]
    pub(crate) bind: Option<SocketAddr>,
    /// The node's name [default: the host's name]
    #[arg(long)]
    pub(crate) node_name: Option<String>,
    /// The node's address [default: that of the default route's interface, else the first one]
    #[arg(long)]
    pub(crate) node_ip: Option<IpAddr>,
    /// Addresses of Pods [default: 10.244.0.0/16]
    #[arg(long)]
    pub(crate) cluster_cidr: Option<IpNet>,
    /// Addresses of Services [default: 10.96.0.0/12]
    #[arg(long)]
    pub(crate) service_cidr: Option<IpNet>,
    /// The address of cluster DNS [default: the tenth of --service-cidr, 10.96.0.10]
    #[arg(long)]
    pub(crate) cluster_dns: Option<IpAddr>,
    /// The file that names the upstreams of cluster DNS [default: /etc/resolv.conf]
    #[arg(long)]
    pub(crate) resolv_conf: Option<PathBuf>,
    /// The domain of cluster DNS [default: cluster.local]
    #[arg(long)]
    pub(crate) cluster_domain: Option<String>,
    /// How Services reach the kernel, until the ConfigMap kube-proxy says otherwise [default: auto]
    #[arg(long, value_enum)]
    pub(crate) proxy_mode: Option<ProxyMode>,
    /// How Pods of different nodes reach each other [default: vxlan]
    #[arg(long, value_enum)]
    pub(crate) network_backend: Option<NetworkBackend>,
    /// How long a node may be silent before it counts as lost [default: 40s]
    #[arg(long, value_name = "DURATION")]
    pub(crate) node_monitor_grace_period: Option<SignedDuration>,
    /// Keep the cluster's state in this etcd, for several control planes: URLs of its members, such as https://10.0.0.1:2379
    #[arg(long, value_name = "URL,…", value_delimiter = ',')]
    pub(crate) etcd_servers: Vec<String>,
    /// The CA of etcd's certificates, a PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) etcd_cafile: Option<PathBuf>,
    /// The certificate to show to etcd, a PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) etcd_certfile: Option<PathBuf>,
    /// The key of that certificate, a PEM file
    #[arg(long, value_name = "FILE")]
    pub(crate) etcd_keyfile: Option<PathBuf>,
    /// What the cluster's keys in etcd begin with [default: /skiff]
    #[arg(long, value_name = "PATH")]
    pub(crate) etcd_prefix: Option<String>,
    /// What the cluster's control planes share, with --etcd-servers; `skiff token control-plane` prints it. Needed once, and
    /// by the first of them not at all
    #[arg(long, env = "SKIFF_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<String>,
    /// How long the cluster's own certificates are good; they are renewed at 70 % of that [default: 8760h]
    #[arg(long, value_name = "DURATION")]
    pub(crate) certificate_validity_period: Option<SignedDuration>,
    /// The IngressClass that is served, and that Ingresses get that name none [default: skiff]
    #[arg(long)]
    pub(crate) ingress_class: Option<String>,
    /// The node's port for HTTP of Ingresses, 0 for none [default: 80]
    #[arg(long)]
    pub(crate) ingress_http_port: Option<u16>,
    /// The node's port for HTTPS of Ingresses, 0 for none [default: 443]
    #[arg(long)]
    pub(crate) ingress_https_port: Option<u16>,
    /// The socket of a containerd to use, instead of skiff's own
    #[arg(long)]
    pub(crate) containerd: Option<PathBuf>,
    /// Pull images of the registry NAME from URL (may be repeated)
    #[arg(long = "registry-mirror", value_name = "NAME=URL")]
    pub(crate) registry_mirrors: Vec<Mirror>,
    /// Settings of the kernel that Pods may have beside the safe ones, such as kernel.msg*
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    pub(crate) allowed_unsafe_sysctls: Vec<String>,
    /// What must be left of the node: when it is not, Pods are evicted
    /// [default: memory.available<100Mi,nodefs.available<10%,nodefs.inodesFree<5%,imagefs.available<15%,…]
    #[arg(long, value_name = "SIGNAL<VALUE,…")]
    pub(crate) eviction_hard: Option<EvictionThresholds>,
    /// What must not be missing for long: when it is, Pods are evicted that get time to end
    #[arg(long, value_name = "SIGNAL<VALUE,…")]
    pub(crate) eviction_soft: Option<EvictionThresholds>,
    /// For how long it may be missing
    #[arg(long, value_name = "SIGNAL=DURATION,…")]
    pub(crate) eviction_soft_grace_period: Option<GracePeriods>,
    /// The most that a Pod then gets to end [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub(crate) eviction_max_pod_grace_period: Option<u32>,
    /// How long the node counts as short after it was [default: 5m]
    #[arg(long, value_name = "DURATION")]
    pub(crate) eviction_pressure_transition_period: Option<SignedDuration>,
    /// Stop all Pods when skiff stops, instead of leaving them running
    #[arg(long)]
    pub(crate) stop_pods: bool,
    /// A YAML file with the same options
    #[arg(long)]
    #[serde(skip)]
    pub(crate) config: Option<PathBuf>,
}

impl UpOptions {
    /// These options, and `file`'s where these say nothing.
    pub(crate) fn over(self, file: UpOptions) -> UpOptions {
        let mut registry_mirrors = self.registry_mirrors;
        registry_mirrors.extend(file.registry_mirrors);
        UpOptions {
            data_dir: self.data_dir.or(file.data_dir),
            kubeconfig: self.kubeconfig.or(file.kubeconfig),
            bind: self.bind.or(file.bind),
            node_name: self.node_name.or(file.node_name),
            node_ip: self.node_ip.or(file.node_ip),
            cluster_cidr: self.cluster_cidr.or(file.cluster_cidr),
            service_cidr: self.service_cidr.or(file.service_cidr),
            cluster_dns: self.cluster_dns.or(file.cluster_dns),
            resolv_conf: self.resolv_conf.or(file.resolv_conf),
            cluster_domain: self.cluster_domain.or(file.cluster_domain),
            proxy_mode: self.proxy_mode.or(file.proxy_mode),
            network_backend: self.network_backend.or(file.network_backend),
            node_monitor_grace_period: self
                .node_monitor_grace_period
                .or(file.node_monitor_grace_period),
            etcd_servers: or(self.etcd_servers, file.etcd_servers),
            etcd_cafile: self.etcd_cafile.or(file.etcd_cafile),
            etcd_certfile: self.etcd_certfile.or(file.etcd_certfile),
            etcd_keyfile: self.etcd_keyfile.or(file.etcd_keyfile),
            etcd_prefix: self.etcd_prefix.or(file.etcd_prefix),
            token: self.token.or(file.token),
            certificate_validity_period: self
                .certificate_validity_period
                .or(file.certificate_validity_period),
            ingress_class: self.ingress_class.or(file.ingress_class),
            ingress_http_port: self.ingress_http_port.or(file.ingress_http_port),
            ingress_https_port: self.ingress_https_port.or(file.ingress_https_port),
            containerd: self.containerd.or(file.containerd),
            registry_mirrors,
            allowed_unsafe_sysctls: or(self.allowed_unsafe_sysctls, file.allowed_unsafe_sysctls),
            eviction_hard: self.eviction_hard.or(file.eviction_hard),
            eviction_soft: self.eviction_soft.or(file.eviction_soft),
            eviction_soft_grace_period: self
                .eviction_soft_grace_period
                .or(file.eviction_soft_grace_period),
            eviction_max_pod_grace_period: self
                .eviction_max_pod_grace_period
                .or(file.eviction_max_pod_grace_period),
            eviction_pressure_transition_period: self
                .eviction_pressure_transition_period
                .or(file.eviction_pressure_transition_period),
            stop_pods: self.stop_pods || file.stop_pods,
            config: self.config,
        }
    }

    /// Those of them that any machine has.
    pub(crate) fn node(&self) -> NodeOptions {
        NodeOptions {
            data_dir: self.data_dir.clone(),
            node_name: self.node_name.clone(),
            node_ip: self.node_ip,
            resolv_conf: self.resolv_conf.clone(),
            containerd: self.containerd.clone(),
            registry_mirrors: self.registry_mirrors.clone(),
            allowed_unsafe_sysctls: self.allowed_unsafe_sysctls.clone(),
            eviction_hard: self.eviction_hard.clone(),
            eviction_soft: self.eviction_soft.clone(),
            eviction_soft_grace_period: self.eviction_soft_grace_period.clone(),
            eviction_max_pod_grace_period: self.eviction_max_pod_grace_period,
            eviction_pressure_transition_period: self.eviction_pressure_transition_period,
            stop_pods: self.stop_pods,
        }
    }
}

/// `own`, or what the file says if that is nothing.
fn or<T>(own: Vec<T>, file: Vec<T>) -> Vec<T> {
    if own.is_empty() { file } else { own }
}

/// Reads an options file.
pub(crate) fn read(file: &Path) -> anyhow::Result<UpOptions> {
    let text = std::fs::read_to_string(file).with_context(|| format!("read {}", file.display()))?;
    if text.trim().is_empty() {
        return Ok(UpOptions::default());
    }
    serde_norway::from_str(&text).with_context(|| format!("options in {}", file.display()))
}
