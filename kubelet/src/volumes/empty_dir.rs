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
    let work = move || -> io::Result<()> {
        let is_new = !target.exists();
        if is_in_memory {
            mount::tmpfs(&target, limit_bytes)?;
        } else {
            fs::create_dir_all(&target)?;
        }
        if is_new {
            fs::set_permissions(&target, fs::Permissions::from_mode(0o777))?;
            ownership::give(&target, group)?;
        }
        Ok(())
    };
    blocking(work)
        .await
        .map_err(VolumeError::io(dir.to_string_lossy()))
}
