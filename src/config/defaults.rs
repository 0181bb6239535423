//! What holds where the user says nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use jiff::SignedDuration;
use skiff_kubelet::SoftEviction;

use super::{
    ClusterSettings, IngressSettings, NetworkBackend, NodeOptions, NodeSettings, ProxyMode,
    Settings, UpOptions, etcd,
};
use crate::data_dir::DEFAULT_DATA_DIR;
use crate::network;

/// As kube-controller-manager's `--node-monitor-grace-period`.
const NODE_MONITOR_GRACE: SignedDuration = SignedDuration::from_secs(40);

/// As the kubelet's `--eviction-pressure-transition-period`.
const EVICTION_PRESSURE_TRANSITION: SignedDuration = SignedDuration::from_mins(5);

/// As kubeadm's `certificateValidityPeriod`: a year.
const CERTIFICATE_VALIDITY: SignedDuration = SignedDuration::from_hours(365 * 24);

/// Fills in the defaults of `skiff up`.
///
/// # Errors
/// If the machine's name or address is needed and cannot be found.
pub(crate) fn fill_in(options: UpOptions) -> anyhow::Result<Settings> {
    let node = node(options.node())?;
    let kubeconfig = match &options.kubeconfig {
        Some(kubeconfig) => absolute("--kubeconfig", kubeconfig)?,
        None => node.data_dir.join("kubeconfig"),
    };
    Ok(Settings {
        etcd: etcd::settings(&options)?,
        ingress: ingress(&options),
        node,
        kubeconfig,
        bind: options
            .bind
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 6443))),
        certificate_validity_period: options
            .certificate_validity_period
            .unwrap_or(CERTIFICATE_VALIDITY),
        cluster: cluster(options)?,
    })
}

fn ingress(options: &UpOptions) -> IngressSettings {
    let port =
        |given: Option<u16>, default| Some(given.unwrap_or(default)).filter(|port| *port != 0);
    IngressSettings {
        class: options
            .ingress_class
            .clone()
            .unwrap_or_else(|| "skiff".to_owned()),
        http_port: port(options.ingress_http_port, 80),
        https_port: port(options.ingress_https_port, 443),
    }
}

fn cluster(options: UpOptions) -> anyhow::Result<ClusterSettings> {
    let service_cidr = given_or(options.service_cidr, "10.96.0.0/12")?;
    Ok(ClusterSettings {
        cluster_cidr: given_or(options.cluster_cidr, "10.244.0.0/16")?,
        service_cidr,
        cluster_dns: match options.cluster_dns {
            Some(address) => address,
            // As kubeadm chooses it.
            None => service_cidr
                .hosts()
                .nth(9)
                .context("--service-cidr has no tenth address for --cluster-dns")?,
        },
        cluster_domain: options
            .cluster_domain
            .unwrap_or_else(|| "cluster.local".to_owned()),
        proxy_mode: options.proxy_mode.unwrap_or(ProxyMode::Auto),
        network_backend: options.network_backend.unwrap_or(NetworkBackend::Vxlan),
        node_monitor_grace_period: options
            .node_monitor_grace_period
            .unwrap_or(NODE_MONITOR_GRACE),
    })
}

/// Fills in the defaults of what any machine is told.
///
/// # Errors
/// If the machine's name or address is needed and cannot be found.
pub(crate) fn node(options: NodeOptions) -> anyhow::Result<NodeSettings> {
    let data_dir = options
        .data_dir
        .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
    Ok(NodeSettings {
        data_dir: absolute("--data-dir", &data_dir)?,
        node_name: match options.node_name {
            Some(name) => name,
            None => network::host_name()?,
        },
        node_ip: match options.node_ip {
            Some(address) => address,
            None => network::node_address()?,
        },
        resolv_conf: options.resolv_conf.or_else(host_resolv_conf),
        containerd: options.containerd,
        registry_mirrors: options.registry_mirrors,
        allowed_unsafe_sysctls: options.allowed_unsafe_sysctls,
        eviction_hard: options.eviction_hard.unwrap_or_default(),
        eviction_soft: match options.eviction_soft {
            Some(thresholds) => SoftEviction::new(
                thresholds,
                options.eviction_soft_grace_period.unwrap_or_default(),
                options.eviction_max_pod_grace_period.unwrap_or(0),
            )
            .context("--eviction-soft")?,
            None => SoftEviction::default(),
        },
        eviction_pressure_transition_period: transition(
            options.eviction_pressure_transition_period,
        )?,
        stop_pods: options.stop_pods,
    })
}

fn transition(given: Option<SignedDuration>) -> anyhow::Result<Duration> {
    let period = given.unwrap_or(EVICTION_PRESSURE_TRANSITION);
    Duration::try_from(period)
        .ok()
        .context("--eviction-pressure-transition-period: must not be negative")
}

fn given_or<T>(given: Option<T>, default: &str) -> anyhow::Result<T>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    match given {
        Some(given) => Ok(given),
        None => default.parse().context("the default does not parse"),
    }
}

fn absolute(flag: &str, path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("{flag} {}", path.display()))
}

/// systemd-resolved keeps the real upstreams in a file of its own; /etc/resolv.conf names only its stub, a loop for Pods.
fn host_resolv_conf() -> Option<PathBuf> {
    const REAL: &str = "/run/systemd/resolve/resolv.conf";
    const USUAL: &str = "/etc/resolv.conf";
    let is_stub = |text: String| {
        text.lines()
            .any(|line| line.trim() == "nameserver 127.0.0.53")
    };
    let stub = std::fs::read_to_string(USUAL).is_ok_and(is_stub);
    let candidates = if stub { [REAL, USUAL] } else { [USUAL, REAL] };
    candidates
        .into_iter()
        .map(PathBuf::from)
        .find(|path| Path::exists(path))
}
