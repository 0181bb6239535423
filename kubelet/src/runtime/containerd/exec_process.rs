//! The calls of containerd's task API for a command in a container.

use std::path::{Path, PathBuf};
use std::time::Duration;

use containerd_client::services::v1::tasks_client::TasksClient;
use containerd_client::services::v1::{
    CloseIoRequest, DeleteProcessRequest, ExecProcessRequest, KillRequest, ResizePtyRequest,
    StartRequest, WaitRequest,
};
use nix::sys::signal::Signal;
use prost_types::Any;
use tokio::io::DuplexStream;
use tokio::net::unix::pipe::Sender;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tracing::debug;
use uuid::Uuid;

use super::channel::native;
use super::fifo::Fifos;
use crate::runtime::{RuntimeError, TerminalSize};

/// What a process is described by, as containerd names the type.
const PROCESS_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";
/// Where output goes that nobody asked for.
const DEV_NULL: &str = "/dev/null";
/// How long the shim may take to forget a command.
const DELETE_LIMIT: Duration = Duration::from_secs(10);

/// A command that containerd knows by the ids of its container and its own.
#[derive(Debug, Clone)]
pub(super) struct Process {
    tasks: TasksClient<Channel>,
    container_id: String,
    exec_id: String,
}

impl Process {
    /// One that is yet to be created in this container.
    pub(super) fn new(channel: &Channel, container_id: &str) -> Process {
        Process {
            tasks: TasksClient::new(channel.clone()),
            container_id: container_id.to_owned(),
            exec_id: Uuid::new_v4().simple().to_string(),
        }
    }

    /// The name of its folder: enough to find it again by.
    pub(super) fn folder(&self) -> String {
        format!("{}_{}", self.container_id, self.exec_id)
    }

    /// The one whose folder has this name.
    pub(super) fn of_folder(channel: &Channel, folder: &str) -> Option<Process> {
        let (container_id, exec_id) = folder.split_once('_')?;
        Some(Process {
            tasks: TasksClient::new(channel.clone()),
            container_id: container_id.to_owned(),
            exec_id: exec_id.to_owned(),
        })
    }

    pub(super) async fn create(
        &self,
        spec: Vec<u8>,
        fifos: &Fifos,
        tty: bool,
    ) -> Result<(), RuntimeError> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        // The shim takes no output for an error, unless there are no streams at all.
        let output = |fifo: &Option<PathBuf>| text(fifo.as_deref().unwrap_or(Path::new(DEV_NULL)));
        let request = ExecProcessRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
            stdin: fifos.stdin.as_deref().map(text).unwrap_or_default(),
            stdout: output(&fifos.stdout),
            stderr: if tty {
                String::new()
            } else {
                output(&fifos.stderr)
            },
            terminal: tty,
            spec: Some(Any {
                type_url: PROCESS_TYPE.to_owned(),
                value: spec,
            }),
        };
        let answer = self.tasks.clone().exec(native(request)).await;
        answer
            .map(drop)
            .map_err(|status| failed("failed to exec in container", &status))
    }

    pub(super) async fn start(&self) -> Result<(), RuntimeError> {
        let request = StartRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
        };
        let Err(status) = self.tasks.clone().start(native(request)).await else {
            return Ok(());
        };
        // It may run all the same, if only its streams could not be opened.
        self.kill().await;
        self.delete().await;
        // The words of containerd's CRI, which users know.
        let context = format!(
            "failed to exec in container: failed to start exec \"{}\"",
            self.exec_id
        );
        Err(failed(&context, &status))
    }

    /// The exit code, when it has ended.
    pub(super) async fn wait(&self) -> Result<i32, RuntimeError> {
        let request = WaitRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
        };
        let answer = self.tasks.clone().wait(native(request)).await;
        let code = answer
            .map_err(RuntimeError::rpc("Wait"))?
            .into_inner()
            .exit_status;
        Ok(i32::try_from(code).unwrap_or(i32::MAX))
    }

    pub(super) async fn kill(&self) {
        let request = KillRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
            signal: Signal::SIGKILL as u32,
            all: false,
        };
        self.note("kill", self.tasks.clone().kill(native(request)).await.err());
    }

    /// Forgets it, once it has ended. The shim then closes the streams, though children of the command still have them.
    pub(super) async fn delete(&self) {
        let request = DeleteProcessRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
        };
        let mut tasks = self.tasks.clone();
        // The shim waits for a command that runs on.
        if let Ok(answer) = timeout(DELETE_LIMIT, tasks.delete_process(native(request))).await {
            self.note("delete", answer.err());
        }
    }

    /// Passes input on until it ends, and the end too: the shim holds the FIFO open until it is told.
    pub(super) async fn feed(&self, mut from: DuplexStream, mut to: Sender) {
        if let Err(error) = tokio::io::copy(&mut from, &mut to).await {
            debug!(%error, "a command no longer takes input");
        }
        let request = CloseIoRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
            stdin: true,
        };
        self.note(
            "close the input of",
            self.tasks.clone().close_io(native(request)).await.err(),
        );
    }

    pub(super) async fn resize(&self, mut sizes: mpsc::Receiver<TerminalSize>) {
        while let Some(size) = sizes.recv().await {
            let request = ResizePtyRequest {
                container_id: self.container_id.clone(),
                exec_id: self.exec_id.clone(),
                width: size.width.into(),
                height: size.height.into(),
            };
            self.note(
                "resize",
                self.tasks.clone().resize_pty(native(request)).await.err(),
            );
        }
    }

    /// A command that ends by itself makes these calls fail at any time: worth a line for developers, no more.
    fn note(&self, action: &str, failure: Option<Status>) {
        if let Some(status) = failure.filter(|status| status.code() != Code::NotFound) {
            debug!(container = self.container_id, %status, "could not {action} a command");
        }
    }
}

fn failed(context: &str, status: &Status) -> RuntimeError {
    let message = format!("{context}: {}", status.message());
    RuntimeError::rpc("Exec")(Status::new(status.code(), message))
}
