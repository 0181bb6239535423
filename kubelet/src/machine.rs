//! What the machine is, read once.

use std::fs;
use std::path::Path;

use nix::sys::statvfs::statvfs;
use nix::sys::utsname::uname;

/// Facts of the machine that do not change while it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Machine {
    /// Go's name of the architecture, such as `amd64`.
    pub(crate) architecture: &'static str,
    pub(crate) kernel_version: String,
    /// Such as `Debian GNU/Linux 12 (bookworm)`.
    pub(crate) os_image: String,
    pub(crate) machine_id: String,
    pub(crate) system_uuid: String,
    pub(crate) boot_id: String,
    pub(crate) cpus: usize,
    pub(crate) memory_bytes: i64,
    /// Of the file system that the data directory is on.
    pub(crate) storage_bytes: i64,
    /// Whether the kernel confines programs by AppArmor profiles.
    pub(crate) has_apparmor: bool,
}

impl Machine {
    /// Looks at the machine. What cannot be read stays empty.
    pub(crate) fn look(data_dir: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let line = |path: &str| read(path).trim().to_owned();
        let kernel = uname().map(|name| name.release().to_string_lossy().into_owned());
        let storage =
            statvfs(data_dir).map(|found| found.blocks() as i64 * found.fragment_size() as i64);
        Self {
            architecture: architecture(std::env::consts::ARCH),
            kernel_version: kernel.unwrap_or_default(),
            os_image: os_image(&read("/etc/os-release")),
            machine_id: line("/etc/machine-id"),
            system_uuid: line("/sys/class/dmi/id/product_uuid"),
            boot_id: line("/proc/sys/kernel/random/boot_id"),
            cpus: std::thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(&read("/proc/meminfo"), "MemTotal"),
            storage_bytes: storage.unwrap_or(0),
            has_apparmor: line("/sys/module/apparmor/parameters/enabled") == "Y",
        }
    }
}

/// Go's name of an architecture, which is what Kubernetes uses.
fn architecture(rust: &'static str) -> &'static str {
    match rust {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "x86" => "386",
        "powerpc64" => "ppc64le",
        other => other,
    }
}

fn os_image(os_release: &str) -> String {
    let name = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="));
    name.unwrap_or("Linux").trim_matches('"').to_owned()
}

/// A line of /proc/meminfo, in bytes; 0 if there is none of that name.
pub(crate) fn memory_bytes(meminfo: &str, name: &str) -> i64 {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_the_system_are_understood() {
        let release = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(os_image(release), "Debian GNU/Linux 12 (bookworm)");
        let meminfo = "MemTotal:        8148316 kB\nMemFree:          100000 kB\n";
        assert_eq!(memory_bytes(meminfo, "MemTotal"), 8_148_316 * 1024);
        assert_eq!(memory_bytes(meminfo, "MemAvailable"), 0);
    }

    #[test]
    fn this_machine_is_one() {
        let machine = Machine::look(Path::new("/"));
        assert!(machine.cpus > 0 && machine.memory_bytes > 0 && machine.storage_bytes > 0);
        assert!(!machine.kernel_version.is_empty() && !machine.boot_id.is_empty());
    }
}
