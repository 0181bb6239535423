//! The volumes of Pods: one file a type.
//!
//! ```text
//!   Pod ──► set_up ──► payload (ConfigMap, Secret, downward API, token) ──► atomic writer ──► files ─┐
//!                 └──► emptyDir, hostPath, nfs; by claim: local, hostPath, nfs ──────────────────────┴──► CRI mounts
//! ```
//!
//! Setting up again brings what changed up to date; tearing down leaves no mount and no file.

mod atomic;
mod container_mounts;
mod downward_api;
mod empty_dir;
mod file;
mod host_path;
mod keys;
mod local;
mod mount;
mod nfs;
mod ownership;
mod payload;
mod persistent_volume_claim;
mod projected;
mod references;
mod subpath;

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Pod, Volume};

use self::payload::{DEFAULT_MODE, Payload};
use crate::host::Host;
use crate::pods::object;

pub(crate) use self::container_mounts::container_mounts;
pub(crate) use self::file::read_file;
pub(crate) use self::references::{Reference, references};

/// Why a volume is not there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum VolumeError {
    /// The volume refers to what does not exist, or asks for what cannot be.
    #[error("{0}")]
    Refused(String),
    /// The API server did not answer.
    #[error("{0}")]
    Api(String),
    /// A file could not be written.
    #[error("{what}: {source}")]
    Io { what: String, source: io::Error },
}

impl VolumeError {
    fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| VolumeError::Io { what, source }
    }
}

impl From<kube::Error> for VolumeError {
    fn from(error: kube::Error) -> Self {
        VolumeError::Api(match error {
            kube::Error::Api(status) => status.message,
            other => other.to_string(),
        })
    }
}

/// The volumes of a Pod, ready to be mounted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Mounted {
    /// Where each volume is on the host.
    pub(crate) paths: BTreeMap<String, PathBuf>,
    /// When a token in them is to be renewed.
    pub(crate) refresh_at: Option<Timestamp>,
}

/// A volume that could not be set up.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) volume: String,
    pub(crate) error: VolumeError,
}

/// Makes all volumes of the Pod, or brings them up to date. `ips` are the Pod's addresses, as far as they are known.
pub(crate) async fn set_up(host: &Host, pod: &Pod, ips: &[String]) -> Result<Mounted, Failed> {
    let mut mounted = Mounted::default();
    let spec = pod.spec.as_ref();
    for volume in spec
        .and_then(|spec| spec.volumes.as_deref())
        .unwrap_or_default()
    {
        let failed = |error| Failed {
            volume: volume.name.clone(),
            error,
        };
        let path = set_up_one(host, pod, ips, volume, &mut mounted.refresh_at)
            .await
            .map_err(failed)?;
        mounted.paths.insert(volume.name.clone(), path);
    }
    Ok(mounted)
}

/// Makes one volume and says where it is.
async fn set_up_one(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    volume: &Volume,
    refresh_at: &mut Option<Timestamp>,
) -> Result<PathBuf, VolumeError> {
    if let Some(source) = &volume.host_path {
        return host_path::set_up(source).await;
    }
    let dir = host.paths.volume(object::uid(pod), &volume.name);
    if let Some((claim, read_only)) = claim_of(pod, volume) {
        return persistent_volume_claim::set_up(host, pod, &claim, read_only, dir).await;
    }
    if let Some(source) = &volume.nfs {
        let share = nfs::Share {
            server: &source.server,
            path: &source.path,
            read_only: source.read_only == Some(true),
            options: &[],
        };
        return nfs::volume(dir, &share).await;
    }
    let group = ownership::group(pod);
    if let Some(source) = &volume.empty_dir {
        empty_dir::set_up(&dir, source, group).await?;
        return Ok(dir);
    }
    let payload = payload_of(host, pod, ips, volume, refresh_at).await?;
    // Secrets and tokens are kept in memory, never on disk.
    let is_in_memory = volume.config_map.is_none();
    let target = dir.clone();
    blocking(move || {
        mount::directory(&target, is_in_memory)?;
        atomic::write(&target, &payload)?;
        ownership::give_read_only(&target, group)
    })
    .await
    .map_err(VolumeError::io(dir.to_string_lossy()))?;
    Ok(dir)
}

/// The claim behind a volume, and whether it is only read.
fn claim_of(pod: &Pod, volume: &Volume) -> Option<(String, bool)> {
    let mut claims = skiff_api::volumes::claim_names(pod);
    let (_, claim) = claims.find(|(name, _)| *name == volume.name)?;
    let source = volume.persistent_volume_claim.as_ref();
    let read_only = source.and_then(|source| source.read_only) == Some(true);
    Some((claim, read_only))
}

async fn payload_of(
    host: &Host,
    pod: &Pod,
    ips: &[String],
    volume: &Volume,
    refresh_at: &mut Option<Timestamp>,
) -> Result<Payload, VolumeError> {
    let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
    let mode = |set| payload::mode(set).unwrap_or(DEFAULT_MODE);
    if let Some(source) = &volume.config_map {
        let mode = mode(source.default_mode);
        return keys::files(&host.objects, namespace, source.into(), mode).await;
    }
    if let Some(source) = &volume.secret {
        let mode = mode(source.default_mode);
        return keys::files(&host.objects, namespace, source.into(), mode).await;
    }
    if let Some(source) = &volume.downward_api {
        return downward_api::payload(host, pod, ips, source);
    }
    if let Some(source) = &volume.projected {
        return projected::payload(host, pod, ips, source, refresh_at).await;
    }
    Err(VolumeError::Refused("no volume plugin matched".to_owned()))
}

/// Unmounts and removes all that was made for the Pod. May be repeated.
pub(crate) async fn tear_down(host: &Host, uid: &str) -> io::Result<()> {
    host.tokens.forget(uid);
    remove_pod_dir(host.paths.pod(uid)).await
}

/// Unmounts all below a Pod's folder, and removes it.
pub(crate) async fn remove_pod_dir(dir: PathBuf) -> io::Result<()> {
    blocking(move || {
        mount::unmount_below(&dir)?;
        match std::fs::remove_dir_all(&dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    })
    .await
}

/// Undoes every mount below the folder of all Pods; the files of volumes on disk stay.
pub(crate) async fn unmount_all(pods: PathBuf) -> io::Result<()> {
    blocking(move || mount::unmount_below(&pods)).await
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(io::Error::other)?
}
