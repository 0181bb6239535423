use std::time::Duration;

use futures::future::join_all;

use crate::runtime::{PodState, Runtime, RuntimeError};

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
