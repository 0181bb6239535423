//! What the machine has and can do, looked up when containerd starts.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::{ContainerdConfig, ProcessError};

/// Where Debian and the CNI project put the plugins.
const CNI_BIN_DIRS: [&str; 3] = ["/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni"];
/// The plugins that the Pod network is made of.
const CNI_PLUGINS: [&str; 4] = ["bridge", "host-local", "loopback", "portmap"];
/// Where programs are looked up besides `PATH`, which lacks `sbin` for many users.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// The facts that containerd's configuration depends on.
#[derive(Debug, Clone)]
pub(super) struct Host {
    pub(super) containerd: PathBuf,
    pub(super) cni_bin_dir: PathBuf,
    pub(super) snapshotter: &'static str,
    /// Without CAP_SYS_RESOURCE no process may lower its OOM score: containerd must not try.
    pub(super) restrict_oom_score_adj: bool,
}

impl Host {
    /// Looks at this machine. `scratch` is a folder on the file system that snapshots will be on.
    pub(super) fn inspect(config: &ContainerdConfig, scratch: &Path) -> Result<Host, ProcessError> {
        let containerd = find_program(&config.binary).ok_or_else(|| missing(&config.binary))?;
        if find_program(Path::new("runc")).is_none() {
            return Err(missing(Path::new("runc")));
        }
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Ok(Host {
            containerd,
            cni_bin_dir: find_cni(config.cni_bin_dir.as_deref())?,
            snapshotter: if overlay_works(scratch) {
                "overlayfs"
            } else {
                "native"
            },
            restrict_oom_score_adj: !has_cap_sys_resource(&status),
        })
    }
}

/// `PATH` with the system's folders at its end, for containerd to find runc, iptables and the like.
pub(super) fn search_path() -> String {
    match env::var("PATH") {
        Ok(path) if !path.is_empty() => format!("{path}:{SYSTEM_PATH}"),
        _ => SYSTEM_PATH.to_owned(),
    }
}

fn find_program(name: &Path) -> Option<PathBuf> {
    if name.components().count() > 1 {
        return name.is_file().then(|| name.to_owned());
    }
    env::split_paths(&search_path())
        .map(|dir| dir.join(name))
        .find(|path| path.is_file())
}

fn missing(program: &Path) -> ProcessError {
    ProcessError::Missing {
        what: program.display().to_string(),
        packages: "containerd runc",
    }
}

fn find_cni(wanted: Option<&Path>) -> Result<PathBuf, ProcessError> {
    let usual = CNI_BIN_DIRS.iter().map(Path::new);
    let mut dirs: Box<dyn Iterator<Item = &Path>> = match wanted {
        Some(dir) => Box::new([dir].into_iter()),
        None => Box::new(usual),
    };
    let complete = |dir: &&Path| CNI_PLUGINS.iter().all(|name| dir.join(name).is_file());
    dirs.find(complete)
        .map(Path::to_owned)
        .ok_or_else(|| ProcessError::Missing {
            what: format!("the CNI plugins {}", CNI_PLUGINS.join(", ")),
            packages: "containernetworking-plugins",
        })
}

/// Tries an overlay mount: whether it works depends on the kernel, on rights, and on the file system below.
fn overlay_works(scratch: &Path) -> bool {
    let dir = scratch.join("overlay-probe");
    let [lower, upper, work, merged] =
        ["lower", "upper", "work", "merged"].map(|name| dir.join(name));
    let made = [&lower, &upper, &work, &merged]
        .into_iter()
        .all(|dir| fs::create_dir_all(dir).is_ok());
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        upper.display(),
        work.display()
    );
    let mounted = made
        && mount(
            Some("overlay"),
            &merged,
            Some("overlay"),
            MsFlags::empty(),
            Some(options.as_str()),
        )
        .is_ok();
    if mounted {
        let _ = umount2(&merged, MntFlags::MNT_DETACH);
    }
    let _ = fs::remove_dir_all(&dir);
    mounted
}

/// Reads `CapEff` of `/proc/self/status`; see capabilities(7).
fn has_cap_sys_resource(status: &str) -> bool {
    const CAP_SYS_RESOURCE: u32 = 24;
    status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & (1 << CAP_SYS_RESOURCE) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_are_read_from_the_effective_set() {
        for (status, has) in [
            (
                "Name:\tx\nCapPrm:\t000001ffffffffff\nCapEff:\t000001ffffffffff\n",
                true,
            ),
            (
                "CapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n",
                false,
            ),
            ("CapEff:\tnonsense\n", false),
            ("", false),
        ] {
            assert_eq!(has_cap_sys_resource(status), has, "{status}");
        }
    }

    #[test]
    fn a_missing_program_says_what_to_install() {
        let error = missing(Path::new("containerd")).to_string();
        assert!(error.contains("containerd is not installed"), "{error}");
        assert!(error.contains("apt-get install containerd runc"), "{error}");
    }

    #[test]
    fn a_folder_without_plugins_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let error = find_cni(Some(dir.path())).unwrap_err().to_string();
        assert!(error.contains("containernetworking-plugins"), "{error}");
    }
}
