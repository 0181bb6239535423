//! skiff's own containerd: started, watched, started again when it dies, left behind for the next skiff.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;
use tracing::{info, warn};

use super::config::{ContainerdConfig, render};
use super::cri::Cri;
use super::host::Host;
use super::instance::Instance;
use super::layout::Layout;
use super::{channel, exec, import, log_file, registry};
use crate::runtime::RuntimeError;

/// containerd answers within this or is taken for broken. A warm start takes a tenth of a second.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// Pauses before a containerd that died is started again: from the first, doubling, to the last.
const RESTART_PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(10));
/// One that ran this long may start again at once.
const PROVEN_AFTER: Duration = Duration::from_secs(60);
/// How often the size of containerd's log is looked at.
const LOG_CHECK: Duration = Duration::from_secs(600);
/// The longest path that a unix socket can have; see unix(7).
const SOCKET_PATH_LIMIT: usize = 107;

/// Why containerd could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A program that skiff needs is not installed.
    #[error("{what} is not installed: `apt-get install {packages}` on Debian and Ubuntu")]
    Missing {
        /// What was looked for.
        what: String,
        /// Debian's packages that have it.
        packages: &'static str,
    },
    /// The data directory's path is too long for a socket to be made in it.
    #[error("{} is too long for a socket: use a shorter data directory", .0.display())]
    LongPath(PathBuf),
    /// A file or folder of containerd's could not be made or read.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The program could not be started or signalled.
    #[error("run {}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// containerd ended while it was starting.
    #[error("containerd ended while it was starting; the end of its log:\n{log}")]
    Died {
        /// The last lines of its log.
        log: String,
    },
    /// containerd did not answer in time.
    #[error("containerd does not answer; the end of its log:\n{log}")]
    NotReady {
        /// The last lines of its log.
        log: String,
    },
    /// The pause image could not be put in place.
    #[error("import the pause image")]
    Pause(#[source] RuntimeError),
}

impl ProcessError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ProcessError {
        let path = path.into();
        move |source| ProcessError::File { path, source }
    }
}

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

/// All that is needed to start containerd, any number of times.
#[derive(Debug)]
struct Starter {
    host: Host,
    layout: Layout,
    channel: Channel,
    cri: Cri,
    /// The configuration differs from the one that a containerd of an earlier start runs with.
    config_changed: bool,
}

impl Starter {
    /// Looks at the machine and writes containerd's files.
    fn prepare(config: &ContainerdConfig) -> Result<Starter, ProcessError> {
        let layout = Layout::new(&config.data_dir);
        let socket = layout.socket();
        if socket.as_os_str().len() > SOCKET_PATH_LIMIT {
            return Err(ProcessError::LongPath(socket));
        }
        for dir in [layout.root(), layout.state(), layout.cni_conf_dir()] {
            fs::create_dir_all(&dir).map_err(ProcessError::file(&dir))?;
        }
        let host = Host::inspect(config, &layout.dir())?;
        let path = layout.config();
        let toml = render(&layout, &host);
        let config_changed = fs::read_to_string(&path).is_ok_and(|written| written != toml);
        fs::write(&path, toml).map_err(ProcessError::file(&path))?;
        registry::write(
            &layout.registries(),
            &registry::hosts_files(&config.mirrors),
        )
        .map_err(ProcessError::file(layout.registries()))?;
        let channel = channel::connect(socket);
        Ok(Starter {
            host,
            layout,
            cri: Cri::new(channel.clone()),
            channel,
            config_changed,
        })
    }

    async fn adopt_or_spawn(&self) -> Result<Instance, ProcessError> {
        match Instance::running(&self.layout) {
            None => self.spawn(),
            Some(mut old) if self.config_changed => {
                info!("restarting containerd: its configuration has changed");
                old.stop().await?;
                self.spawn()
            }
            Some(old) => {
                info!(pid = old.pid(), "containerd still runs: taking it over");
                Ok(old)
            }
        }
    }

    fn spawn(&self) -> Result<Instance, ProcessError> {
        Instance::spawn(&self.host.containerd, &self.layout)
    }

    async fn await_ready(&self, instance: &mut Instance) -> Result<(), ProcessError> {
        let log = || log_file::tail(&self.layout.log());
        tokio::select! {
            () = self.cri.await_initialised() => Ok(()),
            () = instance.ended(&self.channel) => Err(ProcessError::Died { log: log() }),
            () = sleep(READY_LIMIT) => Err(ProcessError::NotReady { log: log() }),
        }
    }

    /// Starts containerd until one runs.
    async fn restart(&self, mut pause: Duration) -> Instance {
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(RESTART_PAUSE.1);
            match self.spawn() {
                Ok(instance) => return instance,
                Err(error) => warn!(
                    error = &error as &dyn std::error::Error,
                    "containerd does not start"
                ),
            }
        }
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
            instance = starter.restart(pause) => instance,
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
