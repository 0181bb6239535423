use std::io;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;

use super::cgroup;
use crate::config::Paths;
use crate::runtime::{PodState, Runtime, RuntimeError, cgroup_parent};
use crate::volumes;

/// Stops every Pod that the runtime has, all at the same time, each container after at most `grace`.
///
/// Their objects stay in the API: they run again when the kubelet does.
///
/// # Errors
/// The first one, after all were tried.
pub async fn stop_all_pods<R: Runtime>(runtime: &R, grace: Duration) -> Result<(), RuntimeError> {
    let pods = runtime.list().await?;
    let stopped = join_all(pods.iter().map(|pod| stop(runtime, pod, grace))).await;
    stopped.into_iter().collect()
}

async fn stop<R: Runtime>(
    runtime: &R,
    pod: &PodState,
    grace: Duration,
) -> Result<(), RuntimeError> {
    let containers = pod.containers.iter();
    let stopped =
        join_all(containers.map(|container| runtime.stop_container(&container.id, grace))).await;
    stopped.into_iter().collect::<Result<(), _>>()?;
    runtime.stop_sandbox(&pod.sandbox.id).await
}

/// Gives back what stopped Pods of the cluster in `data_dir` still hold of the host: the mounts of their volumes and their
/// cgroups. Files on disk stay; the rest is made again when the kubelet starts again.
///
/// # Errors
/// If a volume cannot be unmounted.
pub async fn release_host(data_dir: &Path) -> io::Result<()> {
    cgroup::remove_all(&cgroup_parent(data_dir));
    volumes::unmount_all(Paths::new(data_dir).pods()).await
}
