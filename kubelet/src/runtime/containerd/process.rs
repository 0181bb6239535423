//! skiff's own containerd: started, watched, started again when it dies, left behind for the next skiff.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::config::ContainerdConfig;
use super::instance::Instance;
use super::layout::Layout;
use super::starter::Starter;
use super::{ProcessError, exec, import, log_file};

/// Pauses before a containerd that died is started again: from the first, doubling, to the last.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// One that ran this long may start again at once.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// How often the size of containerd's log is looked at.
const LOG_CHECK: Duration = Duration::from_secs(600);
/// skiff's own containerd: started, watched, and started again when it dies. Containers outlive it.
///
/// Dropping this leaves containerd running, for the next start to take over; [`stop`](ContainerdProcess::stop) ends it.
#[derive(Debug)]
pub struct ContainerdProcess {
    socket: PathBuf,
    pid: watch::Receiver<Option<u32>>,
    stop: CancellationToken,
    supervisor: JoinSet<()>,
}

impl ContainerdProcess {
    /// Starts containerd, or takes over the one that still runs from an earlier start, and waits until it is ready:
    /// CRI answers and the pause image is there.
    pub async fn start(config: ContainerdConfig) -> Result<ContainerdProcess, ProcessError> {
        let starter = Starter::prepare(&config)?;
        let mut instance = starter.adopt_or_spawn().await?;
        starter.await_ready(&mut instance).await?;
        import::ensure_pause(&starter.channel, &starter.cri)
            .await
            .map_err(ProcessError::Pause)?;
        exec::sweep(&starter.channel, &starter.layout.exec()).await;

        let (pid_sender, pid) = watch::channel(Some(instance.pid()));
        let stop = CancellationToken::new();
        let socket = starter.layout.socket();
        let mut supervisor = JoinSet::new();
        supervisor.spawn(supervise(starter, instance, pid_sender, stop.clone()));
        Ok(ContainerdProcess {
            socket,
            pid,
            stop,
            supervisor,
        })
    }

    /// Stops a containerd of `data_dir` that another process started. Containers go on. Returns whether there was one.
    pub async fn stop_running(data_dir: &Path) -> Result<bool, ProcessError> {
        match Instance::running(&Layout::new(data_dir)) {
            None => Ok(false),
            Some(mut instance) => instance.stop().await.map(|()| true),
        }
    }

    /// The socket of its API.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Its process id; `None` while it is being started again.
    pub fn pid(&self) -> Option<u32> {
        *self.pid.borrow()
    }

    /// Stops containerd. Containers go on. To leave it running, drop this instead.
    pub async fn stop(mut self) {
        self.stop.cancel();
        while self.supervisor.join_next().await.is_some() {}
    }
}

/// Keeps containerd running until it is told to stop.
async fn supervise(
    starter: Starter,
    mut instance: Instance,
    pid: watch::Sender<Option<u32>>,
    stop: CancellationToken,
) {
    let mut pause = RESTART_PAUSE.0;
    loop {
        let started = Instant::now();
        tokio::select! {
            () = stop.cancelled() => break,
            () = run_to_end(&mut instance, &starter) => {}
        }
        pid.send_replace(None);
        pause = match started.elapsed() >= PROVEN_AFTER {
            true => RESTART_PAUSE.0,
            false => (pause * 2).min(RESTART_PAUSE.1),
        };
        warn!("containerd ended: starting it again");
        instance = tokio::select! {
            () = stop.cancelled() => return,
            instance = restart(&starter, pause) => instance,
        };
        pid.send_replace(Some(instance.pid()));
    }
    if let Err(error) = instance.stop().await {
        warn!(
            error = &error as &dyn std::error::Error,
            "containerd does not stop"
        );
    }
}

async fn run_to_end(instance: &mut Instance, starter: &Starter) {
    let log = starter.layout.log();
    while timeout(LOG_CHECK, instance.ended(&starter.channel))
        .await
        .is_err()
    {
        if let Err(error) = log_file::bound(&log) {
            warn!(path = %log.display(), %error, "containerd's log could not be cut");
        }
    }
}

/// Starts containerd until one runs.
async fn restart(starter: &Starter, mut pause: Duration) -> Instance {
    loop {
        sleep(pause).await;
        pause = (pause * 2).min(RESTART_PAUSE.1);
        match starter.spawn() {
            Ok(instance) => return instance,
            Err(error) => warn!(
                error = &error as &dyn std::error::Error,
                "containerd does not start"
            ),
        }
    }
}
