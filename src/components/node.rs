//! What every machine runs: kubelet and proxy.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use kube::Client;
use skiff_client::Informers;
use skiff_kubelet::Containerd;

use super::Components;
use crate::config::{ClusterSettings, NetworkBackend, NodeSettings, ProxyMode};
use crate::health::{self, Port};
use crate::pki::Shown;

const KUBELET_PORT: u16 = 10250;
const KUBELET_HEALTH_PORT: u16 = 10248;
const PROXY_HEALTH_PORT: u16 = 10256;
const PROXY_METRICS_PORT: u16 = 10249;

/// How a node's components reach the API server, and how others reach them.
pub(crate) struct NodeParts {
    /// The kubelet's client.
    pub(crate) kubelet: Client,
    /// The proxy's client.
    pub(crate) proxy: Client,
    pub(crate) informers: Informers,
    /// What `kubectl get nodes` shows as the node's role.
    pub(crate) role: Option<&'static str>,
    /// Where the kubelet listens.
    pub(crate) listen: IpAddr,
    /// What the kubelet shows to its callers.
    pub(crate) tls: Arc<Shown>,
    pub(crate) ca_pem: String,
}

impl Components {
    /// Starts them; each finds its own time to be ready.
    pub(crate) fn start_node(
        &mut self,
        node: &NodeSettings,
        cluster: &ClusterSettings,
        parts: NodeParts,
        runtime: Arc<Containerd>,
    ) {
        let shutdown = self.clients.clone();
        let informers = parts.informers.clone();
        let listen = parts.listen;
        self.start(
            "kubelet",
            skiff_kubelet::run(
                kubelet_config(node, cluster, &parts),
                runtime,
                parts.kubelet,
                informers.clone(),
                shutdown.clone(),
            ),
        );
        self.start(
            "proxy",
            skiff_proxy::run(
                proxy_config(node, cluster),
                parts.proxy,
                informers.clone(),
                shutdown,
            ),
        );
        for (name, address, metrics) in [
            (
                "proxy's health",
                SocketAddr::new(listen, PROXY_HEALTH_PORT),
                false,
            ),
            (
                "proxy's metrics",
                SocketAddr::from(([127, 0, 0, 1], PROXY_METRICS_PORT)),
                true,
            ),
        ] {
            let tls = None;
            let port = Port {
                address,
                tls,
                metrics,
            };
            self.start(name, health::serve(port, self.clients.clone()));
        }
        self.watch_over(informers);
    }
}

fn kubelet_config(
    node: &NodeSettings,
    cluster: &ClusterSettings,
    parts: &NodeParts,
) -> skiff_kubelet::Config {
    let role = |role| (format!("node-role.kubernetes.io/{role}"), String::new());
    skiff_kubelet::Config {
        node_name: node.node_name.clone(),
        node_ip: node.node_ip,
        data_dir: node.data_dir.clone(),
        cluster_dns: cluster.cluster_dns,
        cluster_domain: cluster.cluster_domain.clone(),
        resolv_conf: node.resolv_conf.clone(),
        cluster_cidr: cluster.cluster_cidr,
        network_backend: match cluster.network_backend {
            NetworkBackend::Vxlan => skiff_kubelet::NetworkBackend::Vxlan,
            NetworkBackend::HostGw => skiff_kubelet::NetworkBackend::HostGw,
        },
        lease_duration: cluster.node_monitor_grace_period.unsigned_abs(),
        labels: parts.role.map(role).into_iter().collect::<BTreeMap<_, _>>(),
        server_bind: SocketAddr::new(parts.listen, KUBELET_PORT),
        healthz_bind: SocketAddr::from(([127, 0, 0, 1], KUBELET_HEALTH_PORT)),
        tls: parts.tls.clone(),
        client_ca_pem: parts.ca_pem.clone(),
        max_pods: 110,
        allowed_unsafe_sysctls: node.allowed_unsafe_sysctls.clone(),
        eviction_hard: node.eviction_hard.clone(),
        eviction_soft: node.eviction_soft.clone(),
        eviction_pressure_transition_period: node.eviction_pressure_transition_period,
    }
}

fn proxy_config(node: &NodeSettings, cluster: &ClusterSettings) -> skiff_proxy::Config {
    skiff_proxy::Config {
        node_name: node.node_name.clone(),
        data_dir: node.data_dir.clone(),
        node_ip: node.node_ip,
        cluster_cidr: cluster.cluster_cidr,
        service_cidr: cluster.service_cidr,
        mode: match cluster.proxy_mode {
            ProxyMode::Auto => skiff_proxy::Mode::Auto,
            ProxyMode::Ipvs => skiff_proxy::Mode::Ipvs,
            ProxyMode::Nftables => skiff_proxy::Mode::Nftables,
            ProxyMode::Iptables => skiff_proxy::Mode::Iptables,
            ProxyMode::Userspace => skiff_proxy::Mode::Userspace,
        },
    }
}
