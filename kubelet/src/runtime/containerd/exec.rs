//! Commands with streams, by containerd's task API: CRI's own exec would need a second server and its protocol.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures::FutureExt;
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::transport::Channel;

use super::exec_process::Process;
use super::fifo::Fifos;
use super::process_spec;
use crate::runtime::{ByteSource, ExecRequest, ExecSession, RuntimeError, TerminalSize};

/// How much input waits for a command that does not read.
const STDIN_BYTES: usize = 64 << 10;
/// How many sizes of a terminal wait to be set.
const RESIZES: usize = 4;

/// How long a command that is killed may take to end.
const SWEEP_LIMIT: Duration = Duration::from_secs(5);

/// Starts a command; a task of `sessions` sees to it until it has ended.
pub(super) async fn start(
    channel: &Channel,
    exec_dir: &Path,
    sessions: &TaskTracker,
    container_id: &str,
    request: ExecRequest,
) -> Result<ExecSession, RuntimeError> {
    let process = Process::new(channel, container_id);
    let spec = process_spec::of_command(channel, container_id, &request).await?;
    let fifos = Fifos::create(exec_dir.join(process.folder()), &request)?;
    let (stdout, stderr) = (fifos.open_stdout()?, fifos.open_stderr()?);
    process.create(spec, &fifos, request.tty).await?;
    process.start().await?;

    let (stdin_writer, stdin_reader) = tokio::io::duplex(STDIN_BYTES);
    let (resize, resizes) = mpsc::channel(RESIZES);
    let (outcome, exit) = oneshot::channel();
    let abandoned = CancellationToken::new();
    sessions.spawn(supervise(Session {
        process,
        stdin: stdin_reader,
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
        stdin: request.stdin.then(|| Box::pin(stdin_writer) as _),
        stdout: stdout.map(|fifo| Box::pin(fifo) as ByteSource),
        stderr: stderr.map(|fifo| Box::pin(fifo) as ByteSource),
        resize,
        exit: exit.boxed(),
    })
}

/// Kills the commands whose skiff was killed before they ended, and removes what is left of them.
pub(super) async fn sweep(channel: &Channel, exec_dir: &Path) {
    let entries = fs::read_dir(exec_dir).into_iter().flatten().flatten();
    for folder in entries.filter_map(|entry| entry.file_name().into_string().ok()) {
        if let Some(process) = Process::of_folder(channel, &folder) {
            process.kill().await;
            // It is gone already if its container is.
            let _ = timeout(SWEEP_LIMIT, process.wait()).await;
            process.delete().await;
        }
    }
    let _ = fs::remove_dir_all(exec_dir);
}

/// What belongs to a command that runs.
struct Session {
    process: Process,
    stdin: DuplexStream,
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
            if let Some(fifo) = session.fifos.open_stdin().await {
                process.feed(session.stdin, fifo).await;
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
