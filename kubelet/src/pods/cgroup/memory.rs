//! How much memory is in use in the cgroups of a Pod.

use std::fs;
use std::path::Path;

use k8s_openapi::api::core::v1::Pod;

use super::make::is_unified;
use super::{ROOT, below, path};

/// In all of the Pod, in bytes; `None` if the kernel does not say.
pub(crate) fn memory_of_pod(parent: &str, pod: &Pod) -> Option<i64> {
    read(Path::new(ROOT), &path(parent, pod))
}

/// In one of its containers.
pub(crate) fn memory_of_container(parent: &str, pod: &Pod, id: &str) -> Option<i64> {
    read(Path::new(ROOT), &format!("{}/{id}", path(parent, pod)))
}

fn read(root: &Path, path: &str) -> Option<i64> {
    let file = match is_unified(root) {
        true => below(root, path).join("memory.current"),
        false => below(&root.join("memory"), path).join("memory.usage_in_bytes"),
    };
    fs::read_to_string(file).ok()?.trim().parse().ok()
}
