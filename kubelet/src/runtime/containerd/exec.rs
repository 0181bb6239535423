//! Commands with streams, by containerd's task API: CRI's own exec would need a second server and its protocol.

use std::path::Path;

use containerd_client::services::v1::containers_client::ContainersClient;
use containerd_client::services::v1::tasks_client::TasksClient;
use containerd_client::services::v1::{
    CloseIoRequest, DeleteProcessRequest, ExecProcessRequest, GetContainerRequest, KillRequest,
    ResizePtyRequest, StartRequest, WaitRequest,
};
use futures::FutureExt;
use nix::sys::signal::Signal;
use prost_types::Any;
use serde_json::{Value, json};
use tokio::io::DuplexStream;
use tokio::net::unix::pipe::Sender;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::transport::Channel;
use tonic::{Code, Status};
use tracing::debug;
use uuid::Uuid;

use super::channel::native;
use super::fifo::Fifos;
use crate::runtime::{ByteSource, ExecRequest, ExecSession, RuntimeError, TerminalSize};

/// What a process is described by, as containerd names the type.
const PROCESS_TYPE: &str = "types.containerd.io/opencontainers/runtime-spec/1/Process";
/// How much input waits for a command that does not read.
const STDIN_BYTES: usize = 64 << 10;
/// How many sizes of a terminal wait to be set.
const RESIZES: usize = 4;

/// Starts a command; a task of `sessions` sees to it until it has ended.
pub(super) async fn start(
    channel: &Channel,
    exec_dir: &Path,
    sessions: &TaskTracker,
    container_id: &str,
    request: ExecRequest,
) -> Result<ExecSession, RuntimeError> {
    let process = Process {
        tasks: TasksClient::new(channel.clone()),
        container_id: container_id.to_owned(),
        exec_id: Uuid::new_v4().simple().to_string(),
    };
    let spec = container_process(channel, container_id, &request).await?;
    let fifos = Fifos::create(exec_dir.join(&process.exec_id), &request)?;
    let (stdin, stdout, stderr) = (
        fifos.open_stdin()?,
        fifos.open_stdout()?,
        fifos.open_stderr()?,
    );
    process.create(spec, &fifos, request.tty).await?;
    process.start().await?;

    let (stdin_writer, stdin_reader) = tokio::io::duplex(STDIN_BYTES);
    let (resize, resizes) = mpsc::channel(RESIZES);
    let (outcome, exit) = oneshot::channel();
    let abandoned = CancellationToken::new();
    let has_stdin = stdin.is_some();
    sessions.spawn(supervise(Session {
        process,
        stdin: stdin.map(|fifo| (stdin_reader, fifo)),
        resizes,
        abandoned: abandoned.clone(),
        outcome,
        fifos,
    }));

    let guard = abandoned.drop_guard();
    let exit = async move {
        let _kills_when_dropped = guard;
        let lost = || RuntimeError::rpc("Wait")(Status::unavailable("the command was lost"));
        exit.await.unwrap_or_else(|_| Err(lost()))
    };
    Ok(ExecSession {
        stdin: has_stdin.then(|| Box::pin(stdin_writer) as _),
        stdout: stdout.map(|fifo| Box::pin(fifo) as ByteSource),
        stderr: stderr.map(|fifo| Box::pin(fifo) as ByteSource),
        resize,
        exit: exit.boxed(),
    })
}

/// The description of the container's own process, with another command.
async fn container_process(
    channel: &Channel,
    container_id: &str,
    request: &ExecRequest,
) -> Result<Vec<u8>, RuntimeError> {
    let incomplete = |field| RuntimeError::Incomplete {
        call: "GetContainer",
        field,
    };
    let get = native(GetContainerRequest {
        id: container_id.to_owned(),
    });
    let answer = ContainersClient::new(channel.clone()).get(get).await;
    let container = answer
        .map_err(RuntimeError::rpc("GetContainer"))?
        .into_inner()
        .container;
    let spec = container
        .and_then(|container| container.spec)
        .ok_or(incomplete("spec"))?;
    let mut spec: Value = serde_json::from_slice(&spec.value).map_err(|_| incomplete("spec"))?;
    let process = spec.get_mut("process").ok_or(incomplete("process"))?;
    Ok(with_command(process.take(), request)
        .to_string()
        .into_bytes())
}

fn with_command(mut process: Value, request: &ExecRequest) -> Value {
    process["args"] = json!(request.argv);
    process["terminal"] = json!(request.tty);
    if request.tty
        && let Some(env) = process.get_mut("env").and_then(Value::as_array_mut)
    {
        env.push(json!("TERM=xterm"));
    }
    process
}

/// A command that containerd knows by the ids of its container and its own.
#[derive(Debug, Clone)]
struct Process {
    tasks: TasksClient<Channel>,
    container_id: String,
    exec_id: String,
}

impl Process {
    async fn create(&self, spec: Vec<u8>, fifos: &Fifos, tty: bool) -> Result<(), RuntimeError> {
        let path = |fifo: &Option<_>| {
            fifo.as_deref()
                .map(|path: &Path| path.to_string_lossy().into_owned())
                .unwrap_or_default()
        };
        let request = ExecProcessRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
            stdin: path(&fifos.stdin),
            stdout: path(&fifos.stdout),
            stderr: path(&fifos.stderr),
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

    async fn start(&self) -> Result<(), RuntimeError> {
        let request = StartRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
        };
        let Err(status) = self.tasks.clone().start(native(request)).await else {
            return Ok(());
        };
        self.delete().await;
        // The words of containerd's CRI, which users know.
        let context = format!(
            "failed to exec in container: failed to start exec \"{}\"",
            self.exec_id
        );
        Err(failed(&context, &status))
    }

    /// The exit code, when it has ended.
    async fn wait(&self) -> Result<i32, RuntimeError> {
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

    async fn kill(&self) {
        let request = KillRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
            signal: Signal::SIGKILL as u32,
            all: false,
        };
        self.note("kill", self.tasks.clone().kill(native(request)).await.err());
    }

    /// Forgets it, once it has ended. The shim then closes the streams, though children of the command still have them.
    async fn delete(&self) {
        let request = DeleteProcessRequest {
            container_id: self.container_id.clone(),
            exec_id: self.exec_id.clone(),
        };
        let answer = self.tasks.clone().delete_process(native(request)).await;
        self.note("delete", answer.err());
    }

    /// Passes input on until it ends, and the end too: the shim holds the FIFO open until it is told.
    async fn feed(&self, mut from: DuplexStream, mut to: Sender) {
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

    async fn resize(&self, mut sizes: mpsc::Receiver<TerminalSize>) {
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

/// What belongs to a command that runs.
struct Session {
    process: Process,
    stdin: Option<(DuplexStream, Sender)>,
    resizes: mpsc::Receiver<TerminalSize>,
    abandoned: CancellationToken,
    outcome: oneshot::Sender<Result<i32, RuntimeError>>,
    fifos: Fifos,
}

/// Carries a command to its end, killing it if nobody waits for it any more.
async fn supervise(session: Session) {
    let process = &session.process;
    let helpers = async {
        let feeding = async {
            if let Some((from, to)) = session.stdin {
                process.feed(from, to).await;
            }
        };
        tokio::join!(feeding, process.resize(session.resizes));
        std::future::pending::<()>().await;
    };
    let outcome = tokio::select! {
        outcome = process.wait() => outcome,
        () = helpers => return,
        () = session.abandoned.cancelled() => {
            process.kill().await;
            process.wait().await
        }
    };
    // A session that was dropped is not interested.
    let _ = session.outcome.send(outcome);
    process.delete().await;
    drop(session.fifos);
}

fn failed(context: &str, status: &Status) -> RuntimeError {
    let message = format!("{context}: {}", status.message());
    RuntimeError::rpc("Exec")(Status::new(status.code(), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tty: bool) -> ExecRequest {
        ExecRequest {
            argv: vec!["sh".to_owned(), "-c".to_owned(), "true".to_owned()],
            tty,
            ..ExecRequest::default()
        }
    }

    #[test]
    fn a_command_runs_as_the_containers_own_process_does() {
        let own = json!({"args": ["sleep"], "env": ["A=1"], "user": {"uid": 7}, "cwd": "/work"});
        let process = with_command(own, &request(false));
        assert_eq!(
            process,
            json!({
                "args": ["sh", "-c", "true"],
                "terminal": false,
                "env": ["A=1"],
                "user": {"uid": 7},
                "cwd": "/work",
            })
        );
    }

    #[test]
    fn a_terminal_has_a_type() {
        let process = with_command(json!({"args": [], "env": ["A=1"]}), &request(true));
        assert_eq!(process["terminal"], true);
        assert_eq!(process["env"], json!(["A=1", "TERM=xterm"]));
    }
}
