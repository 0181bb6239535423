//! What containers take of the disk. CRI tells it as well, but as it was up to a minute ago.

use containerd_client::services::v1::GetContainerRequest;
use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::services::v1::snapshots::UsageRequest;
use containerd_client::services::v1::snapshots::snapshots_client::SnapshotsClient;
use tonic::transport::Channel;

use super::channel::native;
use super::content::Lease;
use crate::disk_usage::DiskUsage;
use crate::runtime::RuntimeError;

/// What the container wrote into its root, counted now.
pub(super) async fn written_by(channel: &Channel, id: &str) -> Result<DiskUsage, RuntimeError> {
    let get = native(GetContainerRequest { id: id.to_owned() });
    let answer = ContainersClient::new(channel.clone()).get(get).await;
    let answer = answer.map_err(RuntimeError::rpc("GetContainer"))?;
    let container = answer.into_inner().container.unwrap_or_default();
    let request = native(UsageRequest {
        snapshotter: container.snapshotter,
        key: container.snapshot_key,
    });
    let answer = SnapshotsClient::new(channel.clone()).usage(request).await;
    let usage = answer
        .map_err(RuntimeError::rpc("SnapshotUsage"))?
        .into_inner();
    Ok(DiskUsage {
        bytes: u64::try_from(usage.size).unwrap_or(0),
        inodes: u64::try_from(usage.inodes).unwrap_or(0),
    })
}

/// Has containerd remove what nothing refers to, which it else does after some more changes: the end of a lease can wait for it.
pub(super) async fn collect_garbage(channel: &Channel) -> Result<(), RuntimeError> {
    Lease::take(channel).await?.release_and_collect().await
}
