//! Settings of the kernel.

use std::io;
use std::path::Path;
use std::process::Command;

/// Without these no Service works.
const NEEDED: &[(&str, &str)] = &[("net/ipv4/ip_forward", "1")];
/// An answer from one Pod to another on the same bridge must pass the rules, which undo the translation.
const BRIDGE: (&str, &str) = ("net/bridge/bridge-nf-call-iptables", "1");
/// IPVS: connections known to conntrack can be masqueraded, and end when their endpoint is gone
/// (<https://docs.kernel.org/networking/ipvs-sysctl.html>).
const IPVS: &[(&str, &str)] = &[
    ("net/ipv4/vs/conntrack", "1"),
    ("net/ipv4/vs/conn_reuse_mode", "0"),
    ("net/ipv4/vs/expire_nodest_conn", "1"),
    ("net/ipv4/vs/expire_quiescent_template", "1"),
];

/// Sets what every dataplane needs.
pub(crate) fn prepare() -> io::Result<()> {
    NEEDED
        .iter()
        .try_for_each(|(name, value)| set(name, value))?;
    load_bridge_rules();
    set_where_present(&[BRIDGE])
}

/// Few machines have the module loaded, some have it built in; nothing loads it by itself.
fn load_bridge_rules() {
    let (name, module) = (BRIDGE.0, "br_netfilter");
    if path(name).exists() {
        return;
    }
    let loaded = Command::new("modprobe").args(["-q", module]).status();
    if !path(name).exists() {
        tracing::warn!(
            module,
            ?loaded,
            "module not loaded: Pods of this node may not reach each other through Services"
        );
    }
}

/// Sets what IPVS needs; older kernels lack some of it.
pub(crate) fn prepare_ipvs() -> io::Result<()> {
    set_where_present(IPVS)
}

/// Lets the host lead its own loopback connections to Pods, for NodePorts at 127.0.0.1 (KubeProxyConfiguration
/// `iptables.localhostNodePorts`).
pub(crate) fn prepare_iptables() -> io::Result<()> {
    set("net/ipv4/conf/all/route_localnet", "1")
}

fn set_where_present(settings: &[(&str, &str)]) -> io::Result<()> {
    settings
        .iter()
        .filter(|(name, _)| path(name).exists())
        .try_for_each(|(name, value)| set(name, value))
}

fn set(name: &str, value: &str) -> io::Result<()> {
    let path = path(name);
    let shown =
        |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
    // A read-only /proc/sys is no hindrance where all is set already.
    if std::fs::read_to_string(&path).map_err(shown)?.trim() == value {
        return Ok(());
    }
    std::fs::write(&path, value).map_err(shown)
}

fn path(name: &str) -> std::path::PathBuf {
    Path::new("/proc/sys").join(name)
}
