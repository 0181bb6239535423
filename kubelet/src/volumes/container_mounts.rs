//! The volume mounts of a container.

use std::path::{Path, PathBuf};

use k8s_openapi::api::core::v1::{Container, Pod, VolumeMount};

use super::{Mounted, VolumeError, blocking, subpath};
use crate::host::Host;
use crate::pods::{expand, object};
use crate::runtime::cri::{Mount, MountPropagation};

/// The mounts of a container, in the order of its spec. `environment` is for `subPathExpr`.
pub(crate) async fn container_mounts(
    host: &Host,
    pod: &Pod,
    container: &Container,
    mounted: &Mounted,
    environment: &[(String, String)],
) -> Result<Vec<Mount>, VolumeError> {
    let mut mounts = Vec::new();
    for (index, mount) in container.volume_mounts.iter().flatten().enumerate() {
        let volume = mounted.paths.get(&mount.name).ok_or_else(|| {
            VolumeError::Refused(format!(
                "cannot find volume {:?} to mount into container {:?}",
                mount.name, container.name
            ))
        })?;
        check_recursion(mount)?;
        let host_path = match part_of(mount, environment) {
            Some(part) => {
                let target = host.paths.subpath(object::uid(pod), &container.name, index);
                bound(volume, part, target).await?
            }
            None => volume.clone(),
        };
        mounts.push(Mount {
            container_path: absolute(&mount.mount_path),
            host_path: host_path.to_string_lossy().into_owned(),
            readonly: mount.read_only == Some(true) || is_always_read_only(pod, &mount.name),
            propagation: propagation(mount) as i32,
            ..Mount::default()
        });
    }
    Ok(mounts)
}

/// No containerd of version 1 makes what is mounted below read-only as well (KEP-3857).
fn check_recursion(mount: &VolumeMount) -> Result<(), VolumeError> {
    if mount.recursive_read_only.as_deref() != Some("Enabled") {
        return Ok(());
    }
    Err(VolumeError::Refused(format!(
        "failed to resolve recursive read-only mode: volume {:?} requested recursive read-only mode, \
         but it is not supported by the runtime",
        mount.name
    )))
}

fn part_of(mount: &VolumeMount, environment: &[(String, String)]) -> Option<String> {
    let expression = mount.sub_path_expr.as_deref().filter(|one| !one.is_empty());
    let part = mount.sub_path.clone().filter(|one| !one.is_empty());
    expression.map(|one| expand(one, environment)).or(part)
}

async fn bound(volume: &Path, part: String, target: PathBuf) -> Result<PathBuf, VolumeError> {
    let (root, to) = (volume.to_owned(), target.clone());
    let words = format!("failed to prepare subPath for volumeMount {part:?}");
    blocking(move || subpath::bind(&root, &part, &to))
        .await
        .map_err(VolumeError::io(words))?;
    Ok(target)
}

fn absolute(path: &str) -> String {
    if path.starts_with('/') {
        path.to_owned()
    } else {
        format!("/{path}")
    }
}

/// What comes from the API is never written by containers, nor what the Pod itself wants to be read only.
fn is_always_read_only(pod: &Pod, volume: &str) -> bool {
    let spec = pod.spec.as_ref();
    let volumes = spec
        .and_then(|spec| spec.volumes.as_deref())
        .unwrap_or_default();
    volumes.iter().filter(|one| one.name == volume).any(|one| {
        one.config_map.is_some()
            || one.secret.is_some()
            || one.downward_api.is_some()
            || one.projected.is_some()
            || one.nfs.as_ref().and_then(|one| one.read_only) == Some(true)
            || one
                .persistent_volume_claim
                .as_ref()
                .and_then(|one| one.read_only)
                == Some(true)
    })
}

fn propagation(mount: &VolumeMount) -> MountPropagation {
    match mount.mount_propagation.as_deref() {
        Some("HostToContainer") => MountPropagation::PropagationHostToContainer,
        Some("Bidirectional") => MountPropagation::PropagationBidirectional,
        _ => MountPropagation::PropagationPrivate,
    }
}
