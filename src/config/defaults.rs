//! What holds where the user says nothing.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{ProxyMode, Settings, UpOptions};
use crate::cli::DEFAULT_DATA_DIR;
use crate::network;

/// Fills in the defaults.
///
/// # Errors
/// If the machine's name or address is needed and cannot be found.
pub(crate) fn fill_in(options: UpOptions) -> anyhow::Result<Settings> {
    let data_dir = options
        .data_dir
        .unwrap_or_else(|| PathBuf::from(DEFAULT_DATA_DIR));
    let data_dir = absolute("--data-dir", &data_dir)?;
    let kubeconfig = options
        .kubeconfig
        .unwrap_or_else(|| data_dir.join("kubeconfig"));
    let service_cidr = given_or(options.service_cidr, "10.96.0.0/12")?;
    Ok(Settings {
        kubeconfig: absolute("--kubeconfig", &kubeconfig)?,
        data_dir,
        bind: options
            .bind
            .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 6443))),
        node_name: match options.node_name {
            Some(name) => name,
            None => network::host_name()?,
        },
        node_ip: match options.node_ip {
            Some(address) => address,
            None => network::node_address()?,
        },
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
        resolv_conf: options.resolv_conf.or_else(host_resolv_conf),
        cluster_domain: options
            .cluster_domain
            .unwrap_or_else(|| "cluster.local".to_owned()),
        proxy_mode: options.proxy_mode.unwrap_or(ProxyMode::Auto),
        containerd: options.containerd,
        registry_mirrors: options.registry_mirrors,
        stop_pods: options.stop_pods,
    })
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
