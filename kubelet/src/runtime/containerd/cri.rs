use std::time::Duration;

use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use tonic::transport::Channel;
use tonic::{Response, Status};

use super::channel::{LONGEST, MESSAGE_LIMIT_BYTES, within};
use crate::runtime::cri::{
    ContainerConfig, ContainerStats, ContainerStatus, ContainerStatusRequest,
    CreateContainerRequest, ExecSyncRequest, LinuxContainerResources, ListContainerStatsRequest,
    PodSandboxConfig, PodSandboxStatus, PodSandboxStatusRequest, RemoveContainerRequest,
    RemovePodSandboxRequest, ReopenContainerLogRequest, RunPodSandboxRequest,
    StartContainerRequest, StopContainerRequest, StopPodSandboxRequest,
    UpdateContainerResourcesRequest, VersionRequest, VersionResponse,
};
use crate::runtime::{ExecOutput, RuntimeError};

/// Calls that only read answer within this.
pub(super) const READ_LIMIT: Duration = Duration::from_secs(30);
/// Calls that start or end something answer within this: the kubelet's `runtimeRequestTimeout` is 2 minutes, a sandbox gets 4.
pub(super) const WORK_LIMIT: Duration = Duration::from_secs(120);
const SANDBOX_LIMIT: Duration = Duration::from_secs(240);

/// CRI's calls for Pods, one method each; those for images are in `images.rs`, all Pods at once in `list.rs`.
#[derive(Debug, Clone)]
pub(super) struct Cri {
    pub(super) channel: Channel,
}

impl Cri {
    pub(super) fn new(channel: Channel) -> Cri {
        Cri { channel }
    }

    pub(super) fn runtime(&self) -> RuntimeServiceClient<Channel> {
        RuntimeServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_LIMIT_BYTES)
    }

    pub(super) async fn run_sandbox(
        &self,
        config: PodSandboxConfig,
        runtime_handler: String,
    ) -> Result<String, RuntimeError> {
        let request = RunPodSandboxRequest {
            config: Some(config),
            runtime_handler,
        };
        let answer = self
            .runtime()
            .run_pod_sandbox(within(SANDBOX_LIMIT, request))
            .await;
        Ok(done("RunPodSandbox", answer)?.pod_sandbox_id)
    }

    pub(super) async fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus, RuntimeError> {
        let request = PodSandboxStatusRequest {
            pod_sandbox_id: id.to_owned(),
            verbose: false,
        };
        let answer = self
            .runtime()
            .pod_sandbox_status(within(READ_LIMIT, request))
            .await;
        done("PodSandboxStatus", answer)?
            .status
            .ok_or(incomplete("PodSandboxStatus", "status"))
    }

    pub(super) async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        let request = StopPodSandboxRequest {
            pod_sandbox_id: id.to_owned(),
        };
        let answer = self
            .runtime()
            .stop_pod_sandbox(within(SANDBOX_LIMIT, request))
            .await;
        gone_is_fine(done("StopPodSandbox", answer))
    }

    pub(super) async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        let request = RemovePodSandboxRequest {
            pod_sandbox_id: id.to_owned(),
        };
        let answer = self
            .runtime()
            .remove_pod_sandbox(within(WORK_LIMIT, request))
            .await;
        gone_is_fine(done("RemovePodSandbox", answer))
    }

    pub(super) async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox: PodSandboxConfig,
    ) -> Result<String, RuntimeError> {
        let request = CreateContainerRequest {
            pod_sandbox_id: sandbox_id.to_owned(),
            config: Some(config),
            sandbox_config: Some(sandbox),
        };
        let answer = self
            .runtime()
            .create_container(within(WORK_LIMIT, request))
            .await;
        Ok(done("CreateContainer", answer)?.container_id)
    }

    pub(super) async fn start_container(&self, id: &str) -> Result<(), RuntimeError> {
        let request = StartContainerRequest {
            container_id: id.to_owned(),
        };
        let answer = self
            .runtime()
            .start_container(within(WORK_LIMIT, request))
            .await;
        done("StartContainer", answer).map(drop)
    }

    pub(super) async fn stop_container(
        &self,
        id: &str,
        grace: Duration,
    ) -> Result<(), RuntimeError> {
        let request = StopContainerRequest {
            container_id: id.to_owned(),
            timeout: whole_seconds(grace),
        };
        let answer = self
            .runtime()
            .stop_container(within(grace.saturating_add(WORK_LIMIT), request))
            .await;
        gone_is_fine(done("StopContainer", answer))
    }

    pub(super) async fn update_container(
        &self,
        id: &str,
        resources: LinuxContainerResources,
    ) -> Result<(), RuntimeError> {
        let request = UpdateContainerResourcesRequest {
            container_id: id.to_owned(),
            linux: Some(resources),
            ..UpdateContainerResourcesRequest::default()
        };
        let answer = self
            .runtime()
            .update_container_resources(within(WORK_LIMIT, request))
            .await;
        done("UpdateContainerResources", answer).map(drop)
    }

    pub(super) async fn remove_container(&self, id: &str) -> Result<(), RuntimeError> {
        let request = RemoveContainerRequest {
            container_id: id.to_owned(),
        };
        let answer = self
            .runtime()
            .remove_container(within(WORK_LIMIT, request))
            .await;
        gone_is_fine(done("RemoveContainer", answer))
    }

    pub(super) async fn container_status(&self, id: &str) -> Result<ContainerStatus, RuntimeError> {
        let request = ContainerStatusRequest {
            container_id: id.to_owned(),
            verbose: false,
        };
        let answer = self
            .runtime()
            .container_status(within(READ_LIMIT, request))
            .await;
        done("ContainerStatus", answer)?
            .status
            .ok_or(incomplete("ContainerStatus", "status"))
    }

    pub(super) async fn exec_sync(
        &self,
        id: &str,
        argv: Vec<String>,
        timeout: Duration,
    ) -> Result<ExecOutput, RuntimeError> {
        let request = ExecSyncRequest {
            container_id: id.to_owned(),
            cmd: argv,
            timeout: whole_seconds(timeout),
        };
        let limit = timeout.saturating_add(WORK_LIMIT);
        let answer = self.runtime().exec_sync(within(limit, request)).await;
        let mut answer = done("ExecSync", answer)?;
        answer.stdout.truncate(ExecOutput::LIMIT_BYTES);
        answer.stderr.truncate(ExecOutput::LIMIT_BYTES);
        Ok(ExecOutput {
            exit_code: answer.exit_code,
            stdout: answer.stdout,
            stderr: answer.stderr,
        })
    }

    pub(super) async fn reopen_container_log(&self, id: &str) -> Result<(), RuntimeError> {
        let request = ReopenContainerLogRequest {
            container_id: id.to_owned(),
        };
        let answer = self
            .runtime()
            .reopen_container_log(within(READ_LIMIT, request))
            .await;
        done("ReopenContainerLog", answer).map(drop)
    }

    pub(super) async fn container_stats(&self) -> Result<Vec<ContainerStats>, RuntimeError> {
        let request = within(READ_LIMIT, ListContainerStatsRequest { filter: None });
        let answer = self.runtime().list_container_stats(request).await;
        Ok(done("ListContainerStats", answer)?.stats)
    }

    pub(super) async fn version(&self) -> Result<VersionResponse, RuntimeError> {
        let request = VersionRequest {
            version: String::new(),
        };
        done(
            "Version",
            self.runtime().version(within(READ_LIMIT, request)).await,
        )
    }
}

pub(super) fn done<T>(
    call: &'static str,
    answer: Result<Response<T>, Status>,
) -> Result<T, RuntimeError> {
    answer
        .map(Response::into_inner)
        .map_err(RuntimeError::rpc(call))
}

pub(super) fn gone_is_fine<T>(outcome: Result<T, RuntimeError>) -> Result<(), RuntimeError> {
    if_there(outcome).map(drop)
}

pub(super) fn if_there<T>(outcome: Result<T, RuntimeError>) -> Result<Option<T>, RuntimeError> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn incomplete(call: &'static str, field: &'static str) -> RuntimeError {
    RuntimeError::Incomplete { call, field }
}

/// CRI counts in whole seconds, and takes 0 for «at once» (stop) or «no limit» (exec): a fraction is rounded up.
fn whole_seconds(duration: Duration) -> i64 {
    let duration = duration.min(LONGEST);
    let seconds = duration.as_secs() + u64::from(duration.subsec_nanos() > 0);
    i64::try_from(seconds).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_counted_in_whole_seconds_and_bounded() {
        for (duration, seconds) in [
            (Duration::ZERO, 0),
            (Duration::from_millis(1), 1),
            (Duration::from_secs(30), 30),
            (Duration::from_millis(1_500), 2),
            (Duration::MAX, 365 * 24 * 3600),
        ] {
            assert_eq!(whole_seconds(duration), seconds);
        }
    }
}
