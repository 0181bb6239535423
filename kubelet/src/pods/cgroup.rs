//! The cgroups of Pods: the runtime makes them with the first container, nobody else removes them.

use std::fs;
use std::path::{Path, PathBuf};

const ROOT: &str = "/sys/fs/cgroup";

/// The cgroup of a Pod, from the root of a hierarchy.
pub(crate) fn path(parent: &str, uid: &str) -> String {
    format!("{parent}/pod{uid}")
}

/// Removes the Pod's cgroup in every hierarchy. Those that are not there, or still in use, are left.
pub(crate) fn remove(parent: &str, uid: &str) {
    remove_below(Path::new(ROOT), parent, |other| other == uid);
}

/// Removes the cgroups of all Pods below `parent` but those that are `known`, as far as they are not in use.
pub(crate) fn remove_unknown(parent: &str, known: impl Fn(&str) -> bool) {
    remove_below(Path::new(ROOT), parent, |uid| !known(uid));
}

/// Removes `parent` with the cgroups of all Pods, as far as they are not in use.
pub(crate) fn remove_all(parent: &str) {
    remove_below(Path::new(ROOT), parent, |_| true);
    for hierarchy in hierarchies(Path::new(ROOT)) {
        let _ = fs::remove_dir(below(&hierarchy, parent));
    }
}

fn remove_below(root: &Path, parent: &str, is_gone: impl Fn(&str) -> bool) {
    for hierarchy in hierarchies(root) {
        for pod in folders(&below(&hierarchy, parent)) {
            let name = pod.file_name().unwrap_or_default().to_string_lossy();
            if name.strip_prefix("pod").is_some_and(&is_gone) {
                let _ = fs::remove_dir(&pod);
            }
        }
    }
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
        ] {
            make(path);
        }
        make("memory/skiff-2/pod-a");
        remove_below(root.path(), "/skiff-1", |uid| uid == "-a");
        let is_there = |path: &str| root.path().join(path).exists();
        for gone in ["memory/skiff-1/pod-a", "cpu/skiff-1/pod-a", "skiff-1/pod-a"] {
            assert!(!is_there(gone), "{gone}");
        }
        assert!(is_there("memory/skiff-1/pod-b") && is_there("memory/skiff-2/pod-a"));
    }
}
