//! What is in use in the cgroups of a Pod.

use std::fs;
use std::path::Path;
use std::str::FromStr;

use k8s_openapi::api::core::v1::Pod;

use super::make::is_unified;
use super::{ROOT, below, path};

/// Memory in all of the Pod, in bytes; `None` if the kernel does not say.
pub(crate) fn memory_of_pod(parent: &str, pod: &Pod) -> Option<i64> {
    memory(Path::new(ROOT), &path(parent, pod))
}

/// Memory in one of its containers.
pub(crate) fn memory_of_container(parent: &str, pod: &Pod, id: &str) -> Option<i64> {
    memory(Path::new(ROOT), &format!("{}/{id}", path(parent, pod)))
}

/// The process ids of the Pod, one a thread.
pub(crate) fn pids_of_pod(parent: &str, pod: &Pod) -> Option<u64> {
    pids(Path::new(ROOT), &path(parent, pod))
}

fn memory(root: &Path, path: &str) -> Option<i64> {
    match is_unified(root) {
        true => number(&below(root, path).join("memory.current")),
        false => number(&below(&root.join("memory"), path).join("memory.usage_in_bytes")),
    }
}

fn pids(root: &Path, path: &str) -> Option<u64> {
    let hierarchy = match is_unified(root) {
        true => root.to_owned(),
        false => root.join("pids"),
    };
    number(&below(&hierarchy, path).join("pids.current"))
}

fn number<T: FromStr>(file: &Path) -> Option<T> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_of_the_kernels_files_are_read() {
        let root = tempfile::tempdir().expect("a folder");
        let write = |file: &str, text: &str| {
            let file = root.path().join(file);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        };
        let read = || {
            (
                memory(root.path(), "/s/pod-a"),
                pids(root.path(), "/s/pod-a"),
            )
        };
        assert_eq!(read(), (None, None));
        write("memory/s/pod-a/memory.usage_in_bytes", "4096\n");
        write("pids/s/pod-a/pids.current", "7\n");
        assert_eq!(read(), (Some(4096), Some(7)));
        write("cgroup.controllers", "memory pids\n");
        write("s/pod-a/memory.current", "8192\n");
        write("s/pod-a/pids.current", "8\n");
        assert_eq!(read(), (Some(8192), Some(8)));
    }
}
