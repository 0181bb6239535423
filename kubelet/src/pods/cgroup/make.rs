//! Makes and fills the cgroup of a Pod, in version 1 and version 2 of the kernel's interface
//! (<https://docs.kernel.org/admin-guide/cgroup-v1/index.html>, <https://docs.kernel.org/admin-guide/cgroup-v2.html>).

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::limits::Limits;
use super::{BURSTABLE, below};
use crate::pods::config::resources::PERIOD_US;

/// Below a cgroup of version 2, those of these controllers have settings.
const CONTROLLERS: &str = "+cpu +memory +pids";

/// Makes the cgroup at `path` (from the root of a hierarchy) and gives it its limits. The levels above a Pod come with it.
pub(super) fn make(root: &Path, path: &str, limits: &Limits) -> io::Result<()> {
    match is_unified(root) {
        true => make_unified(root, path, limits),
        false => make_split(root, path, limits),
    }
}

/// The weight of the level of Burstable Pods is that of all of them together.
pub(super) fn weigh_burstable(root: &Path, parent: &str) {
    let (hierarchy, file) = match is_unified(root) {
        true => (root.to_owned(), "cpu.weight"),
        false => (root.join("cpu"), "cpu.shares"),
    };
    let level = below(&hierarchy, parent).join(BURSTABLE);
    let shares = |dir: PathBuf| -> Option<i64> {
        fs::read_to_string(dir.join(file)).ok()?.trim().parse().ok()
    };
    let sum: i64 = super::folders(&level).into_iter().filter_map(shares).sum();
    let most = if file == "cpu.weight" {
        10_000
    } else {
        262_144
    };
    // A level that is not there has nothing to weigh.
    let _ = fs::write(level.join(file), sum.clamp(2, most).to_string());
}

pub(super) fn is_unified(root: &Path) -> bool {
    root.join("cgroup.controllers").exists()
}

fn make_split(root: &Path, path: &str, limits: &Limits) -> io::Result<()> {
    let cpu = below(&root.join("cpu"), path);
    fs::create_dir_all(&cpu)?;
    set(&cpu, "cpu.shares", limits.cpu_shares)?;
    if limits.cpu_quota_us.is_some() {
        set(&cpu, "cpu.cfs_period_us", PERIOD_US)?;
    }
    bound(&cpu, "cpu.cfs_quota_us", limits.cpu_quota_us, "-1")?;
    let memory = below(&root.join("memory"), path);
    fs::create_dir_all(&memory)?;
    bound(&memory, "memory.limit_in_bytes", limits.memory_bytes, "-1")
}

fn make_unified(root: &Path, path: &str, limits: &Limits) -> io::Result<()> {
    let dir = below(root, path);
    fs::create_dir_all(&dir)?;
    let mut above: Vec<&Path> = dir
        .ancestors()
        .skip(1)
        .take_while(|level| level.starts_with(root))
        .collect();
    above.reverse();
    for level in above {
        set(level, "cgroup.subtree_control", CONTROLLERS)?;
    }
    set(&dir, "cpu.weight", weight(limits.cpu_shares))?;
    set(&dir, "cpu.max", limits.cpu_max())?;
    bound(&dir, "memory.max", limits.memory_bytes, "max")
}

/// Shares of version 1 (2 to 262144) as a weight of version 2 (1 to 10000): the formula of KEP-2254.
fn weight(shares: i64) -> i64 {
    1 + (shares - 2) * 9999 / 262_142
}

/// Sets a limit, or takes it away; there is none to take away where the kernel has no such file.
fn bound(dir: &Path, file: &str, limit: Option<i64>, none: &str) -> io::Result<()> {
    match limit {
        Some(limit) => set(dir, file, limit),
        None if dir.join(file).exists() => set(dir, file, none),
        None => Ok(()),
    }
}

fn set(dir: &Path, file: &str, value: impl ToString) -> io::Result<()> {
    let path = dir.join(file);
    fs::write(&path, value.to_string())
        .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits {
        cpu_shares: 512,
        cpu_quota_us: Some(50_000),
        memory_bytes: Some(64 << 20),
    };

    fn reads(root: &Path, file: &str) -> String {
        fs::read_to_string(root.join(file)).unwrap_or_default()
    }

    #[test]
    fn version_1_has_a_folder_a_controller() {
        let root = tempfile::tempdir().expect("a folder");
        make(root.path(), "/skiff-1/burstable/pod-a", &LIMITS).expect("made");
        for (file, expected) in [
            ("cpu/skiff-1/burstable/pod-a/cpu.shares", "512"),
            ("cpu/skiff-1/burstable/pod-a/cpu.cfs_quota_us", "50000"),
            (
                "memory/skiff-1/burstable/pod-a/memory.limit_in_bytes",
                "67108864",
            ),
        ] {
            assert_eq!(reads(root.path(), file), expected, "{file}");
        }
        make(
            root.path(),
            "/skiff-1/burstable/pod-a",
            &LIMITS.without_bounds(),
        )
        .expect("made");
        let quota = "cpu/skiff-1/burstable/pod-a/cpu.cfs_quota_us";
        assert_eq!(reads(root.path(), quota), "-1");
        make(root.path(), "/skiff-1/burstable/pod-b", &LIMITS).expect("made");
        weigh_burstable(root.path(), "/skiff-1");
        assert_eq!(
            reads(root.path(), "cpu/skiff-1/burstable/cpu.shares"),
            "1024"
        );
    }

    #[test]
    fn version_2_has_one_tree_whose_controllers_are_passed_on() {
        let root = tempfile::tempdir().expect("a folder");
        fs::write(root.path().join("cgroup.controllers"), "cpu memory").expect("written");
        make(root.path(), "/skiff-1/pod-a", &LIMITS).expect("made");
        for (file, expected) in [
            ("cgroup.subtree_control", CONTROLLERS),
            ("skiff-1/cgroup.subtree_control", CONTROLLERS),
            ("skiff-1/pod-a/cgroup.subtree_control", ""),
            ("skiff-1/pod-a/cpu.weight", "20"),
            ("skiff-1/pod-a/cpu.max", "50000 100000"),
            ("skiff-1/pod-a/memory.max", "67108864"),
        ] {
            assert_eq!(reads(root.path(), file), expected, "{file}");
        }
    }

    #[test]
    fn shares_become_weights() {
        for (shares, expected) in [(2, 1), (1024, 39), (262_144, 10_000)] {
            assert_eq!(weight(shares), expected);
        }
    }
}
