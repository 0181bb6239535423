//! containerd: CRI for the life of Pods, its native API for what CRI does not have.

mod archive;
mod channel;
mod cni;
mod config;
mod content;
mod cri;
mod disk;
mod events;
mod exec;
mod exec_process;
mod fifo;
mod host;
mod host_port;
mod image_content;
mod image_name;
mod images;
mod import;
mod instance;
mod layout;
mod list;
mod log_file;
mod neighbours;
mod notice;
mod pause;
mod process;
mod process_error;
mod process_spec;
mod registry;
mod shims;
mod starter;
mod streaming;
mod tar_file;

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio_util::task::TaskTracker;
use tonic::transport::Channel;

use self::cri::Cri;
use self::layout::Layout;
use super::cri::{
    AuthConfig, ContainerConfig, ContainerStats, ContainerStatus, Image, LinuxContainerResources,
    PodSandboxConfig, PodSandboxStatus, VersionResponse,
};
use super::{
    EventStream, ExecOutput, ExecRequest, ExecSession, PodState, Runtime, RuntimeError,
    StreamRequest,
};
use crate::disk_usage::DiskUsage;

pub use self::cni::{CniConfig, CniError};
pub use self::config::{ContainerdConfig, cgroup_parent};
pub(crate) use self::pause::PAUSE_IMAGE;
pub use self::process::ContainerdProcess;
pub use self::process_error::ProcessError;
pub(crate) use self::shims::end_shims;

/// A containerd behind its socket. Cheap to clone; it connects when it is first used, and again when containerd comes back.
#[derive(Debug, Clone)]
pub struct Containerd {
    channel: Channel,
    cri: Cri,
    exec_dir: PathBuf,
    /// The tasks that carry exec sessions: each ends with its session.
    sessions: TaskTracker,
}

impl Containerd {
    /// The containerd that listens at `socket`. The FIFOs of exec sessions live under `data_dir`.
    pub fn connect(socket: &Path, data_dir: &Path) -> Containerd {
        let channel = channel::connect(socket.to_owned());
        Containerd {
            cri: Cri::new(channel.clone()),
            channel,
            exec_dir: Layout::new(data_dir).exec(),
            sessions: TaskTracker::new(),
        }
    }
}

impl Runtime for Containerd {
    async fn run_sandbox(
        &self,
        config: PodSandboxConfig,
        handler: String,
    ) -> Result<String, RuntimeError> {
        self.cri.run_sandbox(config, handler).await
    }

    async fn sandbox_status(&self, id: &str) -> Result<PodSandboxStatus, RuntimeError> {
        self.cri.sandbox_status(id).await
    }

    async fn stop_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        self.cri.stop_sandbox(id).await
    }

    async fn remove_sandbox(&self, id: &str) -> Result<(), RuntimeError> {
        self.cri.remove_sandbox(id).await
    }

    async fn create_container(
        &self,
        sandbox_id: &str,
        config: ContainerConfig,
        sandbox: PodSandboxConfig,
    ) -> Result<String, RuntimeError> {
        self.cri.create_container(sandbox_id, config, sandbox).await
    }

    async fn start_container(&self, id: &str) -> Result<(), RuntimeError> {
        self.cri.start_container(id).await
    }

    async fn stop_container(&self, id: &str, grace: Duration) -> Result<(), RuntimeError> {
        self.cri.stop_container(id, grace).await
    }

    async fn update_container(
        &self,
        id: &str,
        resources: LinuxContainerResources,
    ) -> Result<(), RuntimeError> {
        self.cri.update_container(id, resources).await
    }

    async fn remove_container(&self, id: &str) -> Result<(), RuntimeError> {
        self.cri.remove_container(id).await
    }

    async fn container_status(&self, id: &str) -> Result<ContainerStatus, RuntimeError> {
        self.cri.container_status(id).await
    }

    async fn list(&self) -> Result<Vec<PodState>, RuntimeError> {
        self.cri.list().await
    }

    async fn image_status(&self, reference: &str) -> Result<Option<Image>, RuntimeError> {
        self.cri.image_status(reference).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        auth: Option<AuthConfig>,
    ) -> Result<String, RuntimeError> {
        self.cri.pull_image(reference, auth).await
    }

    async fn list_images(&self) -> Result<Vec<Image>, RuntimeError> {
        self.cri.list_images().await
    }

    async fn remove_image(&self, reference: &str) -> Result<(), RuntimeError> {
        self.cri.remove_image(reference).await
    }

    async fn import_image(&self, archive: PathBuf) -> Result<Vec<String>, RuntimeError> {
        import::import_archive(&self.channel, &self.cri, archive).await
    }

    async fn exec_sync(
        &self,
        id: &str,
        argv: Vec<String>,
        timeout: Duration,
    ) -> Result<ExecOutput, RuntimeError> {
        self.cri.exec_sync(id, argv, timeout).await
    }

    async fn exec(&self, id: &str, request: ExecRequest) -> Result<ExecSession, RuntimeError> {
        exec::start(&self.channel, &self.exec_dir, &self.sessions, id, request).await
    }

    async fn stream_url(&self, request: StreamRequest) -> Result<String, RuntimeError> {
        self.cri.stream_url(request).await
    }

    async fn ready_sandbox(&self, pod_uid: &str) -> Result<Option<String>, RuntimeError> {
        self.cri.ready_sandbox(pod_uid).await
    }

    async fn await_network(&self) -> Result<(), RuntimeError> {
        self.cri.await_network().await
    }

    fn events(&self) -> EventStream {
        events::stream(self.channel.clone(), self.cri.clone())
    }

    async fn reopen_container_log(&self, id: &str) -> Result<(), RuntimeError> {
        self.cri.reopen_container_log(id).await
    }

    async fn image_dir(&self) -> Result<Option<PathBuf>, RuntimeError> {
        self.cri.image_dir().await
    }

    async fn written_by(&self, id: &str) -> Result<DiskUsage, RuntimeError> {
        disk::written_by(&self.channel, id).await
    }

    async fn collect_garbage(&self) -> Result<(), RuntimeError> {
        disk::collect_garbage(&self.channel).await
    }

    async fn container_stats(&self) -> Result<Vec<ContainerStats>, RuntimeError> {
        self.cri.container_stats().await
    }

    async fn version(&self) -> Result<VersionResponse, RuntimeError> {
        self.cri.version().await
    }
}
