//! The raw calls, as any client of CRI makes them.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use k8s_cri::v1::runtime_service_client::RuntimeServiceClient;
use k8s_cri::v1::{
    ContainerConfig, ContainerFilter, ContainerStatusRequest, CreateContainerRequest,
    ListContainersRequest, ListPodSandboxRequest, PodSandboxConfig, PodSandboxFilter,
    PodSandboxState, PodSandboxStateValue, PodSandboxStatusRequest, RemovePodSandboxRequest,
    RunPodSandboxRequest, StartContainerRequest, StopPodSandboxRequest,
};
use serde_json::Value;
use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

/// The labels by which a kubelet's sandboxes tell their Pod.
const POD_NAME: &str = "io.kubernetes.pod.name";
const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// Bounds the end of Pods that were deleted.
const GONE_WITHIN: Duration = Duration::from_secs(120);
/// CRI has no watch in containerd 1.6; nothing is measured while this waits.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// A client of containerd's CRI service. Clones share a connection, as a kubelet's workers do.
#[derive(Clone)]
pub(super) struct Runtime {
    client: RuntimeServiceClient<Channel>,
}

/// What is to be run.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) sandbox: PodSandboxConfig,
    pub(super) container: ContainerConfig,
}

/// What runs: ids.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) sandbox: String,
    pub(super) container: String,
}

/// How long each call took.
#[derive(Debug)]
pub(super) struct Stages {
    pub(super) sandbox: Duration,
    pub(super) create: Duration,
    pub(super) start: Duration,
}

impl Stages {
    pub(super) fn total(&self) -> Duration {
        self.sandbox + self.create + self.start
    }
}

impl Runtime {
    pub(super) async fn connect(socket: &Path) -> Result<Self> {
        let endpoint = Endpoint::try_from(format!("unix://{}", socket.display()))?;
        let channel = endpoint.connect().await;
        let channel = channel.with_context(|| format!("connect to {}", socket.display()))?;
        Ok(Self {
            client: RuntimeServiceClient::new(channel),
        })
    }

    /// Runs a sandbox with one container in it.
    pub(super) async fn run(&self, wanted: &Wanted) -> Result<(Stages, Made)> {
        let mut client = self.client.clone();
        let run = RunPodSandboxRequest {
            config: Some(wanted.sandbox.clone()),
            runtime_handler: String::new(),
        };
        let began = Instant::now();
        let sandbox = client
            .run_pod_sandbox(run)
            .await?
            .into_inner()
            .pod_sandbox_id;
        let ran = Instant::now();
        let create = CreateContainerRequest {
            pod_sandbox_id: sandbox.clone(),
            config: Some(wanted.container.clone()),
            sandbox_config: Some(wanted.sandbox.clone()),
        };
        let container = client
            .create_container(create)
            .await?
            .into_inner()
            .container_id;
        let created = Instant::now();
        let start = StartContainerRequest {
            container_id: container.clone(),
        };
        client.start_container(start).await?;
        let stages = Stages {
            sandbox: ran - began,
            create: created - ran,
            start: created.elapsed(),
        };
        Ok((stages, Made { sandbox, container }))
    }

    /// Kills and removes what [`Self::run`] made, all at the same time.
    pub(super) async fn remove_all(&self, all: Vec<Made>) -> Result<()> {
        let mut removing = JoinSet::new();
        for made in all {
            let runtime = self.clone();
            removing.spawn(runtime.remove(made.sandbox));
        }
        while let Some(removed) = removing.join_next().await {
            removed??;
        }
        Ok(())
    }

    async fn remove(mut self, sandbox: String) -> Result<()> {
        let stop = StopPodSandboxRequest {
            pod_sandbox_id: sandbox.clone(),
        };
        self.client.stop_pod_sandbox(stop).await?;
        let remove = RemovePodSandboxRequest {
            pod_sandbox_id: sandbox,
        };
        self.client.remove_pod_sandbox(remove).await?;
        Ok(())
    }

    /// The ids of the running Pod of this name, which has one container.
    pub(super) async fn find(&mut self, pod: &str) -> Result<Made> {
        let ready = PodSandboxStateValue {
            state: PodSandboxState::SandboxReady as i32,
        };
        let sandboxes = self.sandboxes(POD_NAME, pod, Some(ready)).await?;
        ensure!(
            sandboxes.len() == 1,
            "{} sandboxes run for the Pod {pod}",
            sandboxes.len()
        );
        let filter = ContainerFilter {
            pod_sandbox_id: sandboxes[0].clone(),
            ..ContainerFilter::default()
        };
        let request = ListContainersRequest {
            filter: Some(filter),
        };
        let containers = self
            .client
            .list_containers(request)
            .await?
            .into_inner()
            .containers;
        ensure!(
            containers.len() == 1,
            "the Pod {pod} has {} containers",
            containers.len()
        );
        Ok(Made {
            sandbox: sandboxes[0].clone(),
            container: containers[0].id.clone(),
        })
    }

    /// The configurations of a sandbox and its container, as containerd was given them.
    pub(super) async fn configurations(&mut self, made: &Made) -> Result<[Value; 2]> {
        let request = PodSandboxStatusRequest {
            pod_sandbox_id: made.sandbox.clone(),
            verbose: true,
        };
        let sandbox = self
            .client
            .pod_sandbox_status(request)
            .await?
            .into_inner()
            .info;
        let request = ContainerStatusRequest {
            container_id: made.container.clone(),
            verbose: true,
        };
        let container = self
            .client
            .container_status(request)
            .await?
            .into_inner()
            .info;
        Ok([configuration(&sandbox)?, configuration(&container)?])
    }

    /// Waits until Pods of a namespace have no more than `left` sandboxes, those that ended included.
    pub(super) async fn until_left(&mut self, namespace: &str, left: usize) -> Result<()> {
        let gone = async {
            while self.sandboxes(POD_NAMESPACE, namespace, None).await?.len() > left {
                tokio::time::sleep(BETWEEN_LOOKS).await;
            }
            anyhow::Ok(())
        };
        let in_time = tokio::time::timeout(GONE_WITHIN, gone).await;
        in_time.with_context(|| format!("Pods are not removed after {GONE_WITHIN:?}"))?
    }

    /// The ids of the sandboxes with this label, in that state if one is named.
    async fn sandboxes(
        &mut self,
        label: &str,
        value: &str,
        state: Option<PodSandboxStateValue>,
    ) -> Result<Vec<String>> {
        let filter = PodSandboxFilter {
            state,
            label_selector: HashMap::from([(label.to_owned(), value.to_owned())]),
            ..PodSandboxFilter::default()
        };
        let request = ListPodSandboxRequest {
            filter: Some(filter),
        };
        let sandboxes = self
            .client
            .list_pod_sandbox(request)
            .await?
            .into_inner()
            .items;
        Ok(sandboxes.into_iter().map(|sandbox| sandbox.id).collect())
    }
}

/// The `config` in the information that containerd gives about itself when asked to be verbose.
fn configuration(info: &HashMap<String, String>) -> Result<Value> {
    let text = info.get("info").context("the runtime tells no info")?;
    let mut info: Value = serde_json::from_str(text)?;
    let config = info["config"].take();
    ensure!(config.is_object(), "the runtime tells no configuration");
    Ok(config)
}
