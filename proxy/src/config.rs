//! What the proxy is told: at its start, and by the ConfigMap `kube-proxy` while it runs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ipnet::{IpNet, Ipv4Net};
use k8s_openapi::api::core::v1::ConfigMap;
use serde::Deserialize;

/// The ConfigMap as kubeadm makes it, so that users find what they know.
pub(crate) const NAMESPACE: &str = "kube-system";
pub(crate) const NAME: &str = "kube-proxy";
const KEY: &str = "config.conf";
/// The schedulers of Linux (ipvsadm(8)).
const SCHEDULERS: &[&str] = &[
    "rr", "wrr", "lc", "wlc", "lblc", "lblcr", "sh", "dh", "sed", "nq", "fo", "ovf", "mh",
];
/// Who chooses where the configuration names nobody.
pub(crate) const DEFAULT_SCHEDULER: &str = "rr";

/// How Services reach the kernel (KubeProxyConfiguration.mode).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// IPVS where the kernel has it, else nftables.
    Auto,
    /// Virtual servers of the kernel.
    Ipvs,
    /// Maps of nftables.
    Nftables,
    /// Chains of iptables, in which each endpoint gets a random share.
    Iptables,
    /// Proxies in this process.
    Userspace,
}

impl Mode {
    /// As in KubeProxyConfiguration, where nothing means that the proxy chooses.
    fn name(self) -> &'static str {
        match self {
            Mode::Auto => "",
            Mode::Ipvs => "ipvs",
            Mode::Nftables => "nftables",
            Mode::Iptables => "iptables",
            Mode::Userspace => "userspace",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "" | "auto" => Mode::Auto,
            "ipvs" => Mode::Ipvs,
            "nftables" => Mode::Nftables,
            "iptables" => Mode::Iptables,
            "userspace" => Mode::Userspace,
            _ => return None,
        })
    }
}

/// What the proxy is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The node that it serves.
    pub node_name: String,
    /// Where it notes what the kernel's settings were, for [`cleanup`](crate::cleanup).
    pub data_dir: PathBuf,
    /// The node's address, from which it speaks to Services.
    pub node_ip: std::net::IpAddr,
    /// Addresses of Pods in the whole cluster; IPv4.
    pub cluster_cidr: IpNet,
    /// Addresses of Services; IPv4.
    pub service_cidr: IpNet,
    /// What the ConfigMap says as long as nobody changes it.
    pub mode: Mode,
}

/// What may change while the proxy runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) mode: Mode,
    /// The scheduler of IPVS.
    pub(crate) scheduler: String,
    /// The node's addresses at which NodePorts answer; all if empty.
    pub(crate) node_ports: Vec<Ipv4Net>,
}

/// The part of KubeProxyConfiguration that is heeded; the rest is for other proxies.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct KubeProxyConfiguration {
    mode: String,
    ipvs: IpvsConfiguration,
    node_port_addresses: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct IpvsConfiguration {
    scheduler: String,
}

impl Settings {
    /// The settings without any configuration but a mode.
    pub(crate) fn new(mode: Mode) -> Self {
        Self {
            mode,
            scheduler: DEFAULT_SCHEDULER.to_owned(),
            node_ports: Vec::new(),
        }
    }

    /// What a ConfigMap says.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(crate) fn read(map: &ConfigMap) -> Result<Self, String> {
        let text = map.data.as_ref().and_then(|data| data.get(KEY));
        let text = text.ok_or_else(|| format!("no key {KEY:?}"))?;
        let told: Option<KubeProxyConfiguration> =
            serde_norway::from_str(text).map_err(|error| error.to_string())?;
        let told = told.unwrap_or_default();
        let mode = Mode::of(&told.mode).ok_or_else(|| format!("unknown mode {:?}", told.mode))?;
        let scheduler = match told.ipvs.scheduler.as_str() {
            "" => DEFAULT_SCHEDULER,
            known if SCHEDULERS.contains(&known) => known,
            unknown => return Err(format!("unknown ipvs.scheduler {unknown:?}")),
        };
        let ranges = told.node_port_addresses.iter().flatten();
        let ranges = ranges.filter_map(|range| match range.parse() {
            Ok(IpNet::V4(range)) => Some(Ok(range)),
            Ok(IpNet::V6(_)) => None,
            Err(_) => Some(Err(format!("nodePortAddresses: {range:?} is no range"))),
        });
        Ok(Self {
            mode,
            scheduler: scheduler.to_owned(),
            node_ports: ranges.collect::<Result<_, _>>()?,
        })
    }
}

/// The ConfigMap for a cluster that has none.
pub(crate) fn first(config: &Config) -> ConfigMap {
    let text = format!(
        "apiVersion: kubeproxy.config.k8s.io/v1alpha1\n\
         kind: KubeProxyConfiguration\n\
         # ipvs, nftables, iptables or userspace; \"\" is ipvs where the kernel has it, else nftables.\n\
         mode: {:?}\n\
         clusterCIDR: {}\n\
         ipvs:\n  scheduler: {DEFAULT_SCHEDULER}\n\
         # Ranges of the node's addresses at which NodePorts answer; all if empty.\n\
         nodePortAddresses: []\n",
        config.mode.name(),
        config.cluster_cidr
    );
    ConfigMap {
        metadata: kube::api::ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            labels: Some(BTreeMap::from([("app".to_owned(), NAME.to_owned())])),
            ..Default::default()
        },
        data: Some(BTreeMap::from([(KEY.to_owned(), text)])),
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Settings, String> {
        Settings::read(&ConfigMap {
            data: Some(BTreeMap::from([(KEY.to_owned(), text.to_owned())])),
            ..Default::default()
        })
    }

    #[test]
    fn the_first_configuration_says_what_the_flag_said() {
        for mode in [
            Mode::Auto,
            Mode::Ipvs,
            Mode::Nftables,
            Mode::Iptables,
            Mode::Userspace,
        ] {
            let config = Config {
                node_name: "n1".to_owned(),
                data_dir: PathBuf::new(),
                node_ip: [192, 0, 2, 1].into(),
                cluster_cidr: "10.244.0.0/16".parse().expect("a range"),
                service_cidr: "10.96.0.0/12".parse().expect("a range"),
                mode,
            };
            assert_eq!(Settings::read(&first(&config)), Ok(Settings::new(mode)));
        }
    }

    #[test]
    fn what_a_user_may_write() {
        let full = "mode: ipvs\nipvs: {scheduler: wlc, strictARP: true}\nnodePortAddresses: [192.0.2.0/24, 'fd00::/64']\nmetricsBindAddress: ''\n";
        let settings = read(full).expect("sound");
        assert_eq!(settings.mode, Mode::Ipvs);
        assert_eq!(settings.scheduler, "wlc");
        assert_eq!(
            settings.node_ports,
            ["192.0.2.0/24".parse().expect("a range")]
        );
        assert_eq!(read(""), Ok(Settings::new(Mode::Auto)));
        assert_eq!(
            read("nodePortAddresses: null\n"),
            Ok(Settings::new(Mode::Auto))
        );
        let wrong = [
            ("mode: magic", "unknown mode \"magic\""),
            ("ipvs: {scheduler: fair}", "unknown ipvs.scheduler \"fair\""),
            (
                "nodePortAddresses: [here]",
                "nodePortAddresses: \"here\" is no range",
            ),
        ];
        for (text, words) in wrong {
            assert_eq!(read(text), Err(words.to_owned()));
        }
        assert!(read("mode: [").is_err());
        assert_eq!(
            Settings::read(&ConfigMap::default()),
            Err("no key \"config.conf\"".to_owned())
        );
    }
}
