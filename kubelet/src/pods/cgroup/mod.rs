//! The cgroups of Pods, by the class of each: those of Guaranteed Pods beside a level for Burstable and one for BestEffort.
//! What a Pod may use in all stands in its own; the runtime makes those of its containers below.

mod in_use;
mod limits;
mod make;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::Pod;

pub(crate) use self::in_use::{memory_of_container, memory_of_pod, pids_of_pod};
pub(crate) use self::limits::Limits;
use super::config::resources::{Qos, qos};
use super::object;

const ROOT: &str = "/sys/fs/cgroup";
const BURSTABLE: &str = "burstable";
const BEST_EFFORT: &str = "besteffort";

/// The cgroup of a Pod, from the root of a hierarchy.
pub(crate) fn path(parent: &str, pod: &Pod) -> String {
    let uid = object::uid(pod);
    match qos(pod) {
        Qos::Guaranteed => format!("{parent}/pod{uid}"),
        Qos::Burstable => format!("{parent}/{BURSTABLE}/pod{uid}"),
        Qos::BestEffort => format!("{parent}/{BEST_EFFORT}/pod{uid}"),
    }
}

/// Makes the cgroup of a Pod with what it may use.
///
/// # Errors
/// If the kernel does not take a setting.
pub(crate) fn make(parent: &str, pod: &Pod) -> io::Result<()> {
    set(parent, pod, &Limits::of(pod))
}

/// Lets the Pod in all use so much from now on.
///
/// # Errors
/// If the kernel does not take a setting.
pub(crate) fn set(parent: &str, pod: &Pod, limits: &Limits) -> io::Result<()> {
    let made = make::make(Path::new(ROOT), &path(parent, pod), limits);
    if qos(pod) == Qos::Burstable {
        make::weigh_burstable(Path::new(ROOT), parent);
    }
    made
}

/// Removes the Pod's cgroup in every hierarchy. Those that are not there, or still in use, are left.
pub(crate) fn remove(parent: &str, uid: &str) {
    remove_below(Path::new(ROOT), parent, |other| other == uid);
    make::weigh_burstable(Path::new(ROOT), parent);
}

/// Removes the cgroups of all Pods below `parent` but those that are `known`, as far as they are not in use.
pub(crate) fn remove_unknown(parent: &str, known: impl Fn(&str) -> bool) {
    remove_below(Path::new(ROOT), parent, |uid| !known(uid));
}

/// Removes `parent` with the cgroups of all Pods, as far as they are not in use.
pub(crate) fn remove_all(parent: &str) {
    remove_below(Path::new(ROOT), parent, |_| true);
    for hierarchy in hierarchies(Path::new(ROOT)) {
        for level in levels(&below(&hierarchy, parent)).into_iter().rev() {
            let _ = fs::remove_dir(level);
        }
    }
}

fn remove_below(root: &Path, parent: &str, is_gone: impl Fn(&str) -> bool) {
    for hierarchy in hierarchies(root) {
        let levels = levels(&below(&hierarchy, parent));
        for pod in levels.iter().flat_map(|level| folders(level)) {
            let name = pod.file_name().unwrap_or_default().to_string_lossy();
            if name.strip_prefix("pod").is_some_and(&is_gone) {
                // containerd does not know of the one of a start that was given up half-way.
                for container in folders(&pod) {
                    let _ = fs::remove_dir(container);
                }
                let _ = fs::remove_dir(&pod);
            }
        }
    }
}

/// Where Pods are: at the top and in the levels of two classes.
fn levels(parent: &Path) -> [PathBuf; 3] {
    ["", BURSTABLE, BEST_EFFORT].map(|level| parent.join(level))
}

fn below(hierarchy: &Path, parent: &str) -> PathBuf {
    hierarchy.join(parent.trim_start_matches('/'))
}

fn folders(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect()
}

/// Version 2 has one hierarchy, version 1 one a controller, the hybrid both.
fn hierarchies(root: &Path) -> Vec<PathBuf> {
    std::iter::once(root.to_owned())
        .chain(folders(root))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cgroups_of_pods_that_are_gone_are_removed_in_every_hierarchy() {
        let root = tempfile::tempdir().expect("a folder");
        let make = |path: &str| fs::create_dir_all(root.path().join(path)).expect("made");
        for path in [
            "memory/skiff-1/pod-a",
            "memory/skiff-1/pod-b",
            "cpu/skiff-1/pod-a",
            "skiff-1/pod-a",
            "cpu/skiff-1/burstable/pod-a",
            "cpu/skiff-1/besteffort/pod-b",
        ] {
            make(path);
        }
        make("memory/skiff-2/pod-a");
        remove_below(root.path(), "/skiff-1", |uid| uid == "-a");
        let is_there = |path: &str| root.path().join(path).exists();
        for gone in [
            "memory/skiff-1/pod-a",
            "cpu/skiff-1/pod-a",
            "skiff-1/pod-a",
            "cpu/skiff-1/burstable/pod-a",
        ] {
            assert!(!is_there(gone), "{gone}");
        }
        assert!(is_there("cpu/skiff-1/besteffort/pod-b"));
        assert!(is_there("memory/skiff-1/pod-b") && is_there("memory/skiff-2/pod-a"));
    }
}
