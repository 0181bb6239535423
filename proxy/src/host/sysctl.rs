//! Settings of the kernel, and what they were before.

use std::io;
use std::path::Path;
use std::process::Command;

/// A setting, the value that it is given, and the kernel's own choice.
struct Setting {
    name: &'static str,
    value: &'static str,
    default: &'static str,
}

const fn setting(name: &'static str, value: &'static str, default: &'static str) -> Setting {
    Setting {
        name,
        value,
        default,
    }
}

/// Without this no Service works.
const FORWARD: Setting = setting("net/ipv4/ip_forward", "1", "0");
/// An answer from one Pod to another on the same bridge must pass the rules, which undo the translation.
const BRIDGE: Setting = setting("net/bridge/bridge-nf-call-iptables", "1", "1");
/// The host leads its own loopback connections to Pods, for NodePorts at 127.0.0.1 (KubeProxyConfiguration
/// `iptables.localhostNodePorts`).
const LOCALNET: Setting = setting("net/ipv4/conf/all/route_localnet", "1", "0");
/// IPVS: connections known to conntrack can be masqueraded, and end when their endpoint is gone
/// (<https://docs.kernel.org/networking/ipvs-sysctl.html>).
const IPVS: [Setting; 3] = [
    setting("net/ipv4/vs/conntrack", "1", "0"),
    setting("net/ipv4/vs/expire_nodest_conn", "1", "0"),
    setting("net/ipv4/vs/expire_quiescent_template", "1", "0"),
];

/// Since this version a client that uses a port again gets an endpoint anew at once, not the one it had, which may be
/// ending. Before, it waited for a second, and kube-proxy has it switched off there as well.
const REUSES_SINCE: (u32, u32) = (5, 9);

/// IPVS: what becomes of a client that uses a port again, on a kernel of this release, such as `6.1.0-40-cloud-amd64`.
fn reuse(release: &str) -> Setting {
    let mut numbers = release
        .split(['.', '-'])
        .map(|number| number.trim().parse());
    let is_new = match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= REUSES_SINCE,
        _ => false,
    };
    let value = if is_new { "1" } else { "0" };
    setting("net/ipv4/vs/conn_reuse_mode", value, "1")
}

fn reuse_here() -> Setting {
    reuse(&std::fs::read_to_string(path("kernel/osrelease")).unwrap_or_default())
}

/// The file in the data directory that says what the settings were.
const FILE: &str = "kernel-settings";

fn all() -> impl Iterator<Item = Setting> {
    let always = [FORWARD, BRIDGE, LOCALNET];
    always.into_iter().chain(IPVS).chain([reuse_here()])
}

/// Notes in `data_dir` what the settings are, unless that was done before.
pub(crate) fn note(data_dir: &Path) -> io::Result<()> {
    let file = data_dir.join(FILE);
    if file.exists() {
        return Ok(());
    }
    let lines = all().filter_map(|Setting { name, .. }| {
        let value = std::fs::read_to_string(path(name)).ok()?;
        Some(format!("{name} {}\n", value.trim()))
    });
    std::fs::write(file, lines.collect::<String>())
}

/// Gives the settings that are still as skiff wanted them the values that were noted in `data_dir`. A setting that was
/// not there then gets the kernel's own choice.
pub(crate) fn restore(data_dir: &Path) -> io::Result<()> {
    let noted = match std::fs::read_to_string(data_dir.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        noted => noted?,
    };
    for (name, value) in restored(&noted, |name| std::fs::read_to_string(path(name)).ok()) {
        set(name, &value)?;
    }
    Ok(())
}

/// The settings to change, by what was noted and by what they are.
fn restored(noted: &str, is: impl Fn(&str) -> Option<String>) -> Vec<(&'static str, String)> {
    let before = |name: &str| {
        let mut values = noted.lines().filter_map(|line| line.split_once(' '));
        values.find(|(noted, _)| *noted == name)
    };
    let back = |setting: Setting| {
        let before = before(setting.name).map_or(setting.default, |(_, value)| value);
        let is = is(setting.name)?;
        let is_ours = is.trim() == setting.value && before != setting.value;
        is_ours.then(|| (setting.name, before.to_owned()))
    };
    all().filter_map(back).collect()
}

/// Sets what every dataplane needs.
pub(crate) fn prepare() -> io::Result<()> {
    set(FORWARD.name, FORWARD.value)?;
    load_bridge_rules();
    set_where_present(&[BRIDGE])
}

/// Few machines have the module loaded, some have it built in; nothing loads it by itself.
fn load_bridge_rules() {
    let (name, module) = (BRIDGE.name, "br_netfilter");
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
    set_where_present(&IPVS)?;
    set_where_present(&[reuse_here()])
}

/// Sets what the iptables dataplane needs.
pub(crate) fn prepare_iptables() -> io::Result<()> {
    set(LOCALNET.name, LOCALNET.value)
}

/// Whether packets that conntrack takes for invalid may belong to a connection, for the host lets it be liberal. If not, they are
/// to be dropped: an endpoint's answer that is not translated back would make the client reset its connection
/// (<https://kubernetes.io/blog/2019/03/29/kube-proxy-subtleties-debugging-an-intermittent-connection-reset/>).
pub(crate) fn invalid_is_dropped() -> bool {
    let liberal = std::fs::read_to_string(path("net/netfilter/nf_conntrack_tcp_be_liberal"));
    liberal.map_or(true, |set| set.trim() == "0")
}

fn set_where_present(settings: &[Setting]) -> io::Result<()> {
    settings
        .iter()
        .filter(|setting| path(setting.name).exists())
        .try_for_each(|setting| set(setting.name, setting.value))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_go_back_to_what_they_were_unless_others_changed_them() {
        let is = |name: &str| match name {
            "net/ipv4/ip_forward" | "net/ipv4/vs/conntrack" => Some("1\n".to_owned()),
            "net/ipv4/vs/conn_reuse_mode" => Some("2\n".to_owned()),
            "net/ipv4/conf/all/route_localnet" => Some("0\n".to_owned()),
            _ => None,
        };
        let noted = "net/ipv4/ip_forward 0\nnet/ipv4/conf/all/route_localnet 0\n";
        assert_eq!(
            restored(noted, is),
            [
                ("net/ipv4/ip_forward", "0".to_owned()),
                ("net/ipv4/vs/conntrack", "0".to_owned()),
            ]
        );
        assert_eq!(
            restored("net/ipv4/ip_forward 1\nnet/ipv4/vs/conntrack 1\n", is),
            []
        );
    }
    #[test]
    fn ports_are_used_again_where_that_costs_nothing() {
        let cases = [
            ("6.1.0-40-cloud-amd64\n", "1"),
            ("5.9.0\n", "1"),
            ("5.10.0-28-amd64", "1"),
            ("5.8.18-300.fc33", "0"),
            ("4.19.0", "0"),
            ("unknown", "0"),
        ];
        for (release, expected) in cases {
            assert_eq!(reuse(release).value, expected, "{release}");
        }
    }
}
