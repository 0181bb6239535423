//! The container runtime: what the kubelet asks of it, and containerd, which does it.
//!
//! ```text
//!   pods ── Runtime ──► Containerd ──► CRI: sandboxes, containers, images   ┐
//!     ▲                     │                                               ├─ containerd ─► shims
//!     └──── EventStream ────┴────────► native API: events, exec, import     ┘      ▲
//!                                      ContainerdProcess starts and supervises ────┘
//! ```
//!
//! CRI's own messages ([`cri`]) are the vocabulary. State is never kept here: it is asked of the runtime,
//! so that a kubelet that starts again finds its Pods as they are.

mod containerd;
mod error;
mod events;
mod exec;
mod stream;

use std::collections::HashMap;
use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

pub use self::containerd::{
    CniConfig, CniError, Containerd, ContainerdConfig, ContainerdProcess, ProcessError,
    cgroup_parent,
};
pub(crate) use self::containerd::{PAUSE_IMAGE, end_shims};
pub use self::error::RuntimeError;
pub use self::events::{EventStream, RuntimeEvent};
pub use self::exec::{
    ByteSink, ByteSource, ExecExit, ExecOutput, ExecRequest, ExecSession, TerminalSize,
};
pub use self::stream::StreamRequest;

/// CRI's messages, version 1: `PodSandboxConfig`, `ContainerConfig`, `ContainerStatus` and the rest.
pub use k8s_cri::v1 as cri;

use self::cri::{
    AuthConfig, ContainerConfig, ContainerStats, ContainerStatus, Image, LinuxContainerResources,
    PodSandboxConfig, PodSandboxStatus, VersionResponse,
};
use crate::disk_usage::DiskUsage;

/// Labels by which a Pod and its containers are known to the runtime; the real kubelet sets the same ones.
pub mod labels {
    /// The Pod's name.
    pub const POD_NAME: &str = "io.kubernetes.pod.name";
    /// The Pod's namespace.
    pub const POD_NAMESPACE: &str = "io.kubernetes.pod.namespace";
    /// The Pod's UID.
    pub const POD_UID: &str = "io.kubernetes.pod.uid";
    /// The container's name; a sandbox has none.
    pub const CONTAINER_NAME: &str = "io.kubernetes.container.name";
}

/// A Pod as the runtime has it: its sandbox and the containers made in it.
#[derive(Debug, Clone)]
pub struct PodState {
    /// The sandbox, with its id, state, labels, annotations and addresses.
    pub sandbox: PodSandboxStatus,
    /// Its containers in every state, oldest first.
    pub containers: Vec<ContainerStatus>,
}

impl PodState {
    /// The UID of the Pod, from the sandbox's labels.
    pub fn pod_uid(&self) -> Option<&str> {
        label(&self.sandbox.labels, labels::POD_UID)
    }
}

fn label<'a>(labels: &'a HashMap<String, String>, key: &str) -> Option<&'a str> {
    labels.get(key).map(String::as_str)
}

/// A container runtime, in CRI's terms.
///
/// Every call may be repeated: stopping or removing what is stopped or gone succeeds.
/// Calls made while the runtime is down fail with [`RuntimeError::is_unavailable`]; after it is back, an
/// [`RuntimeEvent::Gap`] tells to [`list`](Runtime::list) again.
pub trait Runtime: Send + Sync + 'static {
    /// Creates and starts a sandbox: its namespaces, its network, its pause process. Returns its id. `handler` is that of
    /// the Pod's RuntimeClass, empty for the runtime's own choice.
    fn run_sandbox(
        &self,
        config: PodSandboxConfig,
        handler: String,
    ) -> impl Future<Output = Result<String, RuntimeError>> + Send;

    /// The sandbox with its addresses (`network.ip`, `network.additional_ips`).
    fn sandbox_status(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<PodSandboxStatus, RuntimeError>> + Send;

    /// Kills what runs in the sandbox and gives its network back.
    fn stop_sandbox(&self, id: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Removes a stopped sandbox and its containers.
    fn remove_sandbox(&self, id: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Creates a container in a sandbox that runs; `sandbox` is the configuration that the sandbox was made with.
    fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox: PodSandboxConfig,
    ) -> impl Future<Output = Result<String, RuntimeError>> + Send;

    /// Starts a created container.
    fn start_container(&self, id: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Sends the stop signal, waits up to `grace` (whole seconds count), then kills. Returns when the container has ended.
    fn stop_container(
        &self,
        id: &str,
        grace: Duration,
    ) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Lets a container that runs have other resources from now on.
    fn update_container(
        &self,
        id: &str,
        resources: LinuxContainerResources,
    ) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Removes a container, killing it if it runs. Its log file stays.
    fn remove_container(&self, id: &str) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// A container's state, times, exit code, reason and log path.
    fn container_status(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<ContainerStatus, RuntimeError>> + Send;

    /// All Pods there are, for start-up and after a [`RuntimeEvent::Gap`].
    fn list(&self) -> impl Future<Output = Result<Vec<PodState>, RuntimeError>> + Send;

    /// The image that `reference` names, if it is on the node.
    fn image_status(
        &self,
        reference: &str,
    ) -> impl Future<Output = Result<Option<Image>, RuntimeError>> + Send;

    /// Pulls an image and returns its reference by digest. Dropping the future cancels the pull.
    fn pull_image(
        &self,
        reference: &str,
        auth: Option<AuthConfig>,
    ) -> impl Future<Output = Result<String, RuntimeError>> + Send;

    /// All images on the node.
    fn list_images(&self) -> impl Future<Output = Result<Vec<Image>, RuntimeError>> + Send;

    /// Removes an image with all its names.
    fn remove_image(
        &self,
        reference: &str,
    ) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Imports an image archive (`docker save` or OCI layout, as a tar file) and returns the names in it.
    fn import_image(
        &self,
        archive: PathBuf,
    ) -> impl Future<Output = Result<Vec<String>, RuntimeError>> + Send;

    /// Runs a command in a container to its end, for probes and hooks. Output past [`ExecOutput::LIMIT_BYTES`] is dropped;
    /// running longer than `timeout` is [`RuntimeError::is_timeout`] and kills the command.
    fn exec_sync(
        &self,
        id: &str,
        argv: Vec<String>,
        timeout: Duration,
    ) -> impl Future<Output = Result<ExecOutput, RuntimeError>> + Send;

    /// Starts a command in a container with its streams connected. Dropping the session kills the command.
    fn exec(
        &self,
        id: &str,
        request: ExecRequest,
    ) -> impl Future<Output = Result<ExecSession, RuntimeError>> + Send;

    /// Where the runtime itself serves a stream, to one who connects once and soon: an `http://` URL that takes upgrades to
    /// SPDY/3.1 and to a WebSocket of `v4.channel.k8s.io`.
    fn stream_url(
        &self,
        request: StreamRequest,
    ) -> impl Future<Output = Result<String, RuntimeError>> + Send;

    /// The sandbox of a Pod that is ready, by the Pod's UID.
    fn ready_sandbox(
        &self,
        pod_uid: &str,
    ) -> impl Future<Output = Result<Option<String>, RuntimeError>> + Send;

    /// Waits until the runtime has taken notice of the Pod network that was set up ([`CniConfig::apply`]).
    fn await_network(&self) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// A new stream of what happens from now on. Its first event is a [`RuntimeEvent::Gap`], sent once nothing can be missed any more.
    fn events(&self) -> EventStream;

    /// Makes the runtime open a container's log file anew, after the old one was renamed.
    fn reopen_container_log(
        &self,
        id: &str,
    ) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// Where images, and what containers write, are; `None` if the runtime does not say.
    fn image_dir(&self) -> impl Future<Output = Result<Option<PathBuf>, RuntimeError>> + Send;

    /// What a container has written into its root so far.
    fn written_by(&self, id: &str) -> impl Future<Output = Result<DiskUsage, RuntimeError>> + Send;

    /// Gives the disk back what was removed, at once and not when it suits.
    fn collect_garbage(&self) -> impl Future<Output = Result<(), RuntimeError>> + Send;

    /// What each container uses; those that do not run have no figures.
    fn container_stats(
        &self,
    ) -> impl Future<Output = Result<Vec<ContainerStats>, RuntimeError>> + Send;

    /// The runtime's name and version.
    fn version(&self) -> impl Future<Output = Result<VersionResponse, RuntimeError>> + Send;
}
