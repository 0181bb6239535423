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
    let relative = path(parent, uid);
    for root in hierarchies(Path::new(ROOT)) {
        let _ = fs::remove_dir(root.join(relative.trim_start_matches('/')));
    }
}

/// Version 2 has one hierarchy, version 1 one a controller, the hybrid both.
fn hierarchies(root: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(root).into_iter().flatten().flatten();
    let folders = folders
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    std::iter::once(root.to_owned()).chain(folders).collect()
}
