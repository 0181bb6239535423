use std::io;
use std::path::Path;
use std::time::Duration;

use futures::future::join_all;

use super::{cgroup, seen};
use crate::config::Paths;
use crate::runtime::cri::ContainerStatus;
use crate::runtime::{PodState, Runtime, RuntimeError, cgroup_parent, end_shims};
use crate::volumes;

/// Stops every Pod that the runtime has, all at the same time, each within its own grace period and `longest`.
///
/// Their objects stay in the API: they run again when the kubelet does.
///
/// # Errors
/// The first one, after all were tried.
pub async fn stop_all_pods<R: Runtime>(runtime: &R, longest: Duration) -> Result<(), RuntimeError> {
    let pods = runtime.list().await?;
    let stopped = join_all(pods.iter().map(|pod| stop(runtime, pod, longest))).await;
    stopped.into_iter().collect()
}

/// Removes every Pod that the runtime has from it; their containers must have been stopped.
///
/// # Errors
/// The first one, after all were tried.
pub async fn remove_all_pods<R: Runtime>(runtime: &R) -> Result<(), RuntimeError> {
    let pods = runtime.list().await?;
    let removing = pods
        .iter()
        .map(|pod| runtime.remove_sandbox(&pod.sandbox.id));
    join_all(removing).await.into_iter().collect()
}

async fn stop<R: Runtime>(
    runtime: &R,
    pod: &PodState,
    longest: Duration,
) -> Result<(), RuntimeError> {
    let containers = pod.containers.iter();
    let stopping = containers.map(|one| runtime.stop_container(&one.id, grace(one, longest)));
    let stopped: Result<(), _> = join_all(stopping).await.into_iter().collect();
    // It kills what is left.
    let sandbox = runtime.stop_sandbox(&pod.sandbox.id).await;
    stopped.and(sandbox)
}

/// As the container's Pod has it, at most `longest`.
fn grace(container: &ContainerStatus, longest: Duration) -> Duration {
    let own = seen::grace_s(container).map(|seconds| u64::try_from(seconds).unwrap_or(0));
    own.map_or(longest, |seconds| Duration::from_secs(seconds).min(longest))
}

/// Gives back what stopped Pods of the cluster in `data_dir` still hold of the host: lost shims, the mounts of their volumes
/// and their cgroups. Files on disk stay; the rest is made again when the kubelet starts again.
///
/// # Errors
/// If a volume cannot be unmounted.
pub async fn release_host(data_dir: &Path) -> io::Result<()> {
    end_shims(data_dir).await;
    cgroup::remove_all(&cgroup_parent(data_dir));
    volumes::unmount_all(Paths::new(data_dir).pods()).await
}

/// Undoes every mount below `dir`, innermost first.
///
/// # Errors
/// If one cannot be undone.
pub async fn unmount_below(dir: &Path) -> io::Result<()> {
    volumes::unmount_all(dir.to_owned()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::seen::annotations;

    #[test]
    fn a_pod_gets_its_own_grace_period_but_not_more_than_there_is() {
        for (own, expected_s) in [
            (Some("5"), 5),
            (Some("0"), 0),
            (Some("300"), 30),
            (Some("-1"), 0),
            (Some("soon"), 30),
            (None, 30),
        ] {
            let noted = own.map(|own| (annotations::GRACE_PERIOD.to_owned(), own.to_owned()));
            let container = ContainerStatus {
                annotations: noted.into_iter().collect(),
                ..ContainerStatus::default()
            };
            let grace = grace(&container, Duration::from_secs(30));
            assert_eq!(grace, Duration::from_secs(expected_s), "{own:?}");
        }
    }
}
