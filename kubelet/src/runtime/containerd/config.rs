//! containerd's `config.toml`, rendered from what the cluster wants and what the machine can do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::host::Host;
use super::layout::Layout;
use super::pause::PAUSE_IMAGE;

/// What a containerd of skiff's own is started with.
#[derive(Debug, Clone)]
pub struct ContainerdConfig {
    /// The cluster's data directory, an absolute path: everything of containerd lives in it.
    pub data_dir: PathBuf,
    /// The program: a path, or a name to look up in `PATH`.
    pub binary: PathBuf,
    /// The folder of the CNI plugins; the usual ones are tried if `None`.
    pub cni_bin_dir: Option<PathBuf>,
    /// Registries to ask instead of others: (`docker.io`, `http://127.0.0.1:5000`), first come, first asked.
    pub mirrors: Vec<(String, String)>,
}

impl ContainerdConfig {
    /// The usual configuration of a containerd that lives in `data_dir`.
    pub fn new(data_dir: impl Into<PathBuf>) -> ContainerdConfig {
        ContainerdConfig {
            data_dir: data_dir.into(),
            binary: PathBuf::from("containerd"),
            cni_bin_dir: None,
            mirrors: Vec::new(),
        }
    }

    /// Where it listens.
    pub fn socket(&self) -> PathBuf {
        Layout::new(&self.data_dir).socket()
    }
}

/// The cgroup above all Pods of the cluster that lives in `data_dir`: two clusters on a machine do not meet.
pub fn cgroup_parent(data_dir: &Path) -> String {
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    let short: String = digest[..4]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("/skiff-{short}")
}

/// Plugins that nothing of skiff's uses: snapshotters of other file systems, a folder in `/opt`, and a restart monitor
/// that wakes up every ten seconds.
const UNUSED_PLUGINS: [&str; 9] = [
    "io.containerd.snapshotter.v1.aufs",
    "io.containerd.snapshotter.v1.btrfs",
    "io.containerd.snapshotter.v1.devmapper",
    "io.containerd.snapshotter.v1.zfs",
    "io.containerd.internal.v1.opt",
    "io.containerd.internal.v1.restart",
    "io.containerd.internal.v1.tracing",
    "io.containerd.tracing.processor.v1.otlp",
    "io.containerd.monitor.v1.cgroups",
];

/// `config.toml`, version 2: containerd 1.6 reads it, 2.x migrates it while reading.
///
/// <https://github.com/containerd/containerd/blob/main/docs/cri/config.md>
pub(super) fn render(layout: &Layout, host: &Host) -> String {
    let unused = UNUSED_PLUGINS.map(quote).join(", ");
    let [root, state, socket] = [layout.root(), layout.state(), layout.socket()].map(path);
    let [registries, cni_conf_dir] = [layout.registries(), layout.cni_conf_dir()].map(path);
    let cni_bin_dir = path(&host.cni_bin_dir);
    let pause_image = quote(PAUSE_IMAGE);
    let snapshotter = quote(host.snapshotter);
    let restrict_oom_score_adj = host.restrict_oom_score_adj;
    format!(
        r#"version = 2
root = {root}
state = {state}
disabled_plugins = [{unused}]

[grpc]
address = {socket}

[debug]
level = "warn"

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = {pause_image}
stream_server_address = "127.0.0.1"
stream_server_port = "0"
stats_collect_period = 60
netns_mounts_under_state_dir = true
enable_unprivileged_ports = true
enable_unprivileged_icmp = true
restrict_oom_score_adj = {restrict_oom_score_adj}

[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = {cni_bin_dir}
conf_dir = {cni_conf_dir}
max_conf_num = 1

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = {registries}

[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = {snapshotter}
default_runtime_name = "runc"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
options = {{ SystemdCgroup = false }}
"#
    )
}

fn path(path: impl AsRef<Path>) -> String {
    quote(&path.as_ref().to_string_lossy())
}

/// A basic string of TOML.
pub(super) fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host() -> Host {
        Host {
            containerd: PathBuf::from("/usr/bin/containerd"),
            cni_bin_dir: PathBuf::from("/usr/lib/cni"),
            snapshotter: "native",
            restrict_oom_score_adj: true,
        }
    }

    #[test]
    fn everything_lives_under_the_data_directory() {
        let toml = render(&Layout::new(Path::new("/var/lib/skiff")), &host());
        for line in [
            r#"root = "/var/lib/skiff/containerd/root""#,
            r#"state = "/var/lib/skiff/containerd/state""#,
            r#"address = "/var/lib/skiff/containerd/containerd.sock""#,
            r#"conf_dir = "/var/lib/skiff/cni/net.d""#,
            r#"config_path = "/var/lib/skiff/containerd/certs.d""#,
            "netns_mounts_under_state_dir = true",
        ] {
            assert!(toml.lines().any(|have| have == line), "{line}\n{toml}");
        }
    }

    #[test]
    fn the_machine_decides_snapshotter_and_oom_scores() {
        let toml = render(&Layout::new(Path::new("/d")), &host());
        assert!(toml.contains("snapshotter = \"native\""));
        assert!(toml.contains("restrict_oom_score_adj = true"));
        assert!(toml.contains("bin_dir = \"/usr/lib/cni\""));
    }

    #[test]
    fn strings_are_quoted_as_toml_wants() {
        for (text, quoted) in [
            ("plain", r#""plain""#),
            ("a\"b", r#""a\"b""#),
            ("a\\b", r#""a\\b""#),
            ("a\nb", r#""a\u000Ab""#),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }

    #[test]
    fn clusters_have_cgroups_of_their_own() {
        let one = cgroup_parent(Path::new("/var/lib/skiff"));
        assert_eq!(one, cgroup_parent(Path::new("/var/lib/skiff")));
        assert_ne!(one, cgroup_parent(Path::new("/var/lib/other")));
        assert!(one.starts_with("/skiff-") && one.len() == 15, "{one}");
    }
}
