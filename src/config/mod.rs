//! The options of `skiff up` and `skiff agent`: flags over a YAML file over defaults.

mod defaults;
mod etcd;
mod mirror;
mod options;

use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use ipnet::IpNet;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use skiff_kubelet::{EvictionThresholds, SoftEviction};

pub(crate) use etcd::EtcdSettings;
pub(crate) use mirror::Mirror;
pub(crate) use options::{AgentOptions, NetworkBackend, NodeOptions, ProxyMode, UpOptions};

/// What may be asked of `--certificate-validity-period`: nothing outlives the CA, which is good for ten years.
const CERTIFICATE_VALIDITY: RangeInclusive<SignedDuration> =
    SignedDuration::from_secs(10)..=SignedDuration::from_hours(87_600);

/// What a machine is told for itself, checked.
#[derive(Clone, Debug)]
pub(crate) struct NodeSettings {
    pub(crate) data_dir: PathBuf,
    pub(crate) node_name: String,
    pub(crate) node_ip: IpAddr,
    pub(crate) resolv_conf: Option<PathBuf>,
    pub(crate) containerd: Option<PathBuf>,
    pub(crate) registry_mirrors: Vec<Mirror>,
    pub(crate) allowed_unsafe_sysctls: Vec<String>,
    pub(crate) eviction_hard: EvictionThresholds,
    pub(crate) eviction_soft: SoftEviction,
    pub(crate) eviction_pressure_transition_period: Duration,
    pub(crate) stop_pods: bool,
}

/// What all machines of the cluster must agree on.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ClusterSettings {
    pub(crate) cluster_cidr: IpNet,
    pub(crate) service_cidr: IpNet,
    pub(crate) cluster_dns: IpAddr,
    pub(crate) cluster_domain: String,
    pub(crate) proxy_mode: ProxyMode,
    pub(crate) network_backend: NetworkBackend,
    pub(crate) node_monitor_grace_period: SignedDuration,
}

/// How Ingresses are served.
#[derive(Clone, Debug)]
pub(crate) struct IngressSettings {
    pub(crate) class: String,
    /// None for no HTTP.
    pub(crate) http_port: Option<u16>,
    /// None for no HTTPS.
    pub(crate) https_port: Option<u16>,
}

/// Everything `skiff up` needs to know, checked.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) ingress: IngressSettings,
    pub(crate) node: NodeSettings,
    pub(crate) cluster: ClusterSettings,
    pub(crate) kubeconfig: PathBuf,
    pub(crate) bind: SocketAddr,
    /// Where the cluster's state is; `None` for the data directory.
    pub(crate) etcd: Option<EtcdSettings>,
    /// How long the cluster's own certificates are good.
    pub(crate) certificate_validity_period: SignedDuration,
}

/// Everything `skiff agent` needs to know, checked.
#[derive(Clone, Debug)]
pub(crate) struct AgentSettings {
    pub(crate) node: NodeSettings,
    /// Where to join, and by which right; given at the first start.
    pub(crate) servers: Vec<String>,
    pub(crate) token: Option<String>,
}

impl Settings {
    /// The address by which this machine's users reach the API server.
    pub(crate) fn api_host(&self) -> IpAddr {
        match self.bind.ip() {
            any if any.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
            bound => bound,
        }
    }
}

impl ClusterSettings {
    /// The first address of the Service range, which is that of `default/kubernetes`.
    pub(crate) fn kubernetes_service(&self) -> anyhow::Result<IpAddr> {
        self.service_cidr
            .hosts()
            .next()
            .context("--service-cidr has no address")
    }
}

/// Reads the file that `--config` names, lays the flags over it, fills in the defaults and checks the whole.
pub(crate) fn resolve(flags: Box<UpOptions>) -> anyhow::Result<Settings> {
    let file = flags.config.as_deref().map(options::read).transpose()?;
    let options = flags.over(file.unwrap_or_default());
    let settings = defaults::fill_in(options)?;
    check(&settings)?;
    Ok(settings)
}

/// Fills in the defaults of `skiff agent`, and checks the whole.
pub(crate) fn resolve_agent(options: AgentOptions) -> anyhow::Result<AgentSettings> {
    let node = defaults::node(options.node)?;
    check_node(&node)?;
    Ok(AgentSettings {
        node,
        servers: options.server,
        token: options.token,
    })
}

fn check(settings: &Settings) -> anyhow::Result<()> {
    check_cluster(&settings.cluster)?;
    check_name("--ingress-class", &settings.ingress.class)?;
    let period = settings.certificate_validity_period;
    ensure!(
        CERTIFICATE_VALIDITY.contains(&period),
        "--certificate-validity-period {period:#}: must be between 10s and 87600h"
    );
    check_node(&settings.node)
}

fn check_cluster(cluster: &ClusterSettings) -> anyhow::Result<()> {
    let (pods, services) = (cluster.cluster_cidr, cluster.service_cidr);
    if pods.contains(&services.network()) || services.contains(&pods.network()) {
        bail!("--cluster-cidr {pods} and --service-cidr {services} overlap");
    }
    ensure!(
        pods.prefix_len() <= 24 && pods.addr().is_ipv4(),
        "--cluster-cidr {pods}: must be an IPv4 range of /24 or larger, for each node takes a /24"
    );
    ensure!(
        services.prefix_len() <= 28 && services.addr().is_ipv4(),
        "--service-cidr {services}: must be an IPv4 range of /28 or larger"
    );
    ensure!(
        services.contains(&cluster.cluster_dns),
        "--cluster-dns {}: must lie in --service-cidr {services}",
        cluster.cluster_dns
    );
    ensure!(
        cluster.cluster_dns != cluster.kubernetes_service()?,
        "--cluster-dns {}: is the address of the kubernetes Service",
        cluster.cluster_dns
    );
    ensure!(
        cluster.node_monitor_grace_period >= SignedDuration::from_secs(4),
        "--node-monitor-grace-period {:#}: must be 4s or more",
        cluster.node_monitor_grace_period
    );
    check_name("--cluster-domain", &cluster.cluster_domain)
}

fn check_node(node: &NodeSettings) -> anyhow::Result<()> {
    ensure!(
        node.node_ip.is_ipv4(),
        "--node-ip {}: must be an IPv4 address",
        node.node_ip
    );
    check_name("--node-name", &node.node_name)
}

fn check_name(flag: &str, name: &str) -> anyhow::Result<()> {
    let errors = skiff_api::names::dns_subdomain(name);
    ensure!(errors.is_empty(), "{flag} {name:?}: {}", errors.join(", "));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn resolved(args: &[&str]) -> Result<Settings, String> {
        let line = ["skiff", "up", "--node-name=n1"]
            .iter()
            .chain(args)
            .copied();
        let cli = crate::cli::Cli::try_parse_from(line).map_err(|error| error.to_string())?;
        match cli.command {
            crate::cli::Command::Up(options) => {
                resolve(options).map_err(|error| format!("{error:#}"))
            }
            _ => unreachable!("the line says up"),
        }
    }

    #[test]
    fn defaults_are_those_of_the_readme() {
        let settings = resolved(&[]).expect("sound");
        assert_eq!(settings.node.data_dir, PathBuf::from("/var/lib/skiff"));
        assert_eq!(
            settings.kubeconfig,
            PathBuf::from("/var/lib/skiff/kubeconfig")
        );
        assert_eq!(settings.bind.to_string(), "0.0.0.0:6443");
        assert_eq!(settings.cluster.cluster_cidr.to_string(), "10.244.0.0/16");
        assert_eq!(settings.cluster.service_cidr.to_string(), "10.96.0.0/12");
        assert_eq!(settings.cluster.cluster_dns.to_string(), "10.96.0.10");
        assert_eq!(settings.cluster.cluster_domain, "cluster.local");
        assert_eq!(settings.cluster.proxy_mode, ProxyMode::Auto);
    }

    #[test]
    fn paths_are_those_of_where_skiff_was_started() {
        let settings = resolved(&["--data-dir=here", "--kubeconfig=admin.conf"]).expect("sound");
        let here = std::env::current_dir().expect("a directory");
        assert_eq!(settings.node.data_dir, here.join("here"));
        assert_eq!(settings.kubeconfig, here.join("admin.conf"));
    }

    #[test]
    fn cluster_dns_follows_the_service_range() {
        let settings = resolved(&["--service-cidr=10.100.0.0/16"]).expect("sound");
        assert_eq!(settings.cluster.cluster_dns.to_string(), "10.100.0.10");
    }

    #[test]
    fn a_file_gives_what_the_flags_do_not() {
        let file = std::env::temp_dir().join(format!("skiff-config-{}.yaml", std::process::id()));
        let yaml = "eviction-hard: memory.available<1Gi\ncluster-domain: boat.test\nservice-cidr: 10.100.0.0/16\ncluster-dns: 10.100.0.10\nregistry-mirrors: [docker.io=http://127.0.0.1:5000]\n";
        std::fs::write(&file, yaml).expect("write");
        let settings = resolved(&[
            "--config",
            &file.display().to_string(),
            "--cluster-domain=flag.test",
        ])
        .expect("sound");
        std::fs::remove_file(&file).expect("remove");
        assert_eq!(settings.cluster.cluster_domain, "flag.test");
        assert_eq!(settings.cluster.service_cidr.to_string(), "10.100.0.0/16");
        assert_eq!(settings.node.registry_mirrors[0].registry, "docker.io");
        let thresholds = "memory.available<1Gi".parse();
        assert_eq!(Ok(settings.node.eviction_hard), thresholds);
    }

    #[test]
    fn the_state_is_in_the_data_directory_or_in_etcd() {
        assert!(resolved(&[]).expect("sound").etcd.is_none());
        let servers = "--etcd-servers=https://192.0.2.1:2379,https://192.0.2.2:2379";
        let settings = resolved(&[servers, "--etcd-cafile=ca.crt"]).expect("sound");
        let etcd = settings.etcd.expect("in etcd");
        assert_eq!(etcd.servers.len(), 2);
        assert_eq!(etcd.cafile, Some(PathBuf::from("ca.crt")));
        assert_eq!(etcd.prefix, "/skiff");
        assert_eq!(etcd.token, None);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            (
                &["--cluster-cidr=10.96.0.0/16"][..],
                "--cluster-cidr 10.96.0.0/16 and --service-cidr 10.96.0.0/12 overlap",
            ),
            (
                &["--cluster-dns=10.1.0.1"],
                "--cluster-dns 10.1.0.1: must lie in --service-cidr 10.96.0.0/12",
            ),
            (
                &["--cluster-dns=10.96.0.1"],
                "--cluster-dns 10.96.0.1: is the address of the kubernetes Service",
            ),
            (
                &["--cluster-cidr=10.244.0.0/28"],
                "must be an IPv4 range of /24 or larger",
            ),
            (&["--node-ip=::1"], "--node-ip ::1: must be an IPv4 address"),
            (
                &["--cluster-domain=Boat_"],
                "--cluster-domain \"Boat_\": a lowercase RFC 1123 subdomain",
            ),
            (
                &["--certificate-validity-period=9s"],
                "--certificate-validity-period 9s: must be between 10s and 87600h",
            ),
            (&["--registry-mirror=nothing"], "must be NAME=URL"),
            (
                &["--etcd-cafile=ca.crt"],
                "--etcd-cafile: is of no use without --etcd-servers",
            ),
            (
                &["--etcd-servers=http://192.0.2.1:2379", "--token=short"],
                "--token: must have at least 16 letters",
            ),
            (
                &["--eviction-hard=memory.free<1Gi"],
                "\"memory.free\" is no eviction signal",
            ),
            (
                &["--eviction-soft=memory.available<1Gi"],
                "--eviction-soft: memory.available has no grace period",
            ),
            (
                &["--eviction-pressure-transition-period=-1s"],
                "--eviction-pressure-transition-period: must not be negative",
            ),
            (
                &["--proxy-mode=magic"],
                "invalid value 'magic' for '--proxy-mode",
            ),
            (&["--config=/nowhere.yaml"], "read /nowhere.yaml"),
        ];
        for (args, words) in cases {
            let error = resolved(args).expect_err("refused");
            assert!(error.contains(words), "{args:?}: {error}");
        }
    }
}
