//! `emptyDir`: a folder that lives as long as its Pod, on disk or in memory.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use k8s_openapi::api::core::v1::EmptyDirVolumeSource;

use super::{VolumeError, blocking, mount, ownership};
use crate::quantity;

pub(super) async fn set_up(
    dir: &Path,
    source: &EmptyDirVolumeSource,
    group: Option<u32>,
) -> Result<(), VolumeError> {
    let is_in_memory = source.medium.as_deref() == Some("Memory");
    let limit_bytes = source.size_limit.as_ref().and_then(quantity::value);
    let target = dir.to_owned();
    let work = move || match is_in_memory {
        true => mount::tmpfs(&target, &options(limit_bytes, group)),
        false => on_disk(&target, group),
    };
    blocking(work)
        .await
        .map_err(VolumeError::io(dir.to_string_lossy()))
}

/// Has its mode and group from the moment on that it is there, also if the kubelet is killed while it makes it. Later
/// they are the Pod's to change.
fn on_disk(dir: &Path, group: Option<u32>) -> io::Result<()> {
    if dir.exists() {
        return Ok(());
    }
    // No volume has a dot in its name.
    let unfinished = dir.with_extension("unfinished");
    fs::create_dir_all(&unfinished)?;
    fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o777))?;
    ownership::give(&unfinished, group)?;
    fs::rename(unfinished, dir)
}

/// The same for one in memory, which is made anew after the machine was down.
fn options(limit_bytes: Option<i64>, group: Option<u32>) -> String {
    let size = limit_bytes.map(|bytes| format!("size={bytes}"));
    let mode = match group {
        Some(group) => format!("mode=2777,gid={group}"),
        None => "mode=0777".to_owned(),
    };
    size.into_iter().chain([mode]).collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    async fn made(dir: &Path, medium: &str) -> (u32, u32) {
        let source = EmptyDirVolumeSource {
            medium: Some(medium.to_owned()),
            ..EmptyDirVolumeSource::default()
        };
        set_up(dir, &source, Some(2000)).await.expect("set up");
        let found = fs::metadata(dir).expect("there");
        (found.mode() & 0o7777, found.gid())
    }

    #[tokio::test]
    async fn everyone_may_write_also_after_a_kill_or_a_reboot() {
        let pod = tempfile::tempdir().expect("a folder");
        let (disk, memory) = (pod.path().join("disk"), pod.path().join("memory"));
        // Killed in the middle; after a reboot the folder is there and nothing is mounted on it.
        fs::create_dir(pod.path().join("disk.unfinished")).expect("made");
        fs::create_dir(&memory).expect("made");
        assert_eq!(made(&disk, "").await, (0o2777, 2000));
        assert_eq!(made(&memory, "Memory").await, (0o2777, 2000));
        fs::set_permissions(&disk, fs::Permissions::from_mode(0o700)).expect("changed");
        assert_eq!(made(&disk, "").await.0, 0o700, "as the Pod left it");
        mount::unmount_below(pod.path()).expect("unmounted");
    }
}
