//! One running containerd: a child of this process, or left by an earlier one.

use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};
use tonic::transport::Channel;

use super::host::search_path;
use super::layout::Layout;
use super::neighbours::{neighbours, runs_with};
use super::{ProcessError, events, log_file};

/// How long containerd may take to end by itself.
const STOP_LIMIT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) struct Instance {
    pid: Pid,
    /// `None` if an earlier skiff started it: then it cannot be waited for.
    child: Option<Child>,
    layout: Layout,
}

impl Instance {
    /// Starts containerd in a process group of its own: Ctrl-C in skiff's terminal is not for it.
    pub(super) fn spawn(program: &Path, layout: &Layout) -> Result<Instance, ProcessError> {
        let log = log_file::open(&layout.log()).map_err(ProcessError::file(layout.log()))?;
        let run = |source| ProcessError::Run {
            program: program.to_owned(),
            source,
        };
        let output = log.try_clone().map_err(run)?;
        let child = Command::new(program)
            .arg("--config")
            .arg(layout.config())
            .env("PATH", search_path())
            // skiff's own service manager is not to hear from containerd.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(run)?;
        let pid = child.id().unwrap_or_default();
        let path = layout.pid_file();
        fs::write(&path, pid.to_string()).map_err(ProcessError::file(&path))?;
        Ok(Instance {
            pid: Pid::from_raw(i32::try_from(pid).unwrap_or_default()),
            child: Some(child),
            layout: layout.clone(),
        })
    }

    /// The containerd that an earlier skiff started and left, if it still runs.
    pub(super) fn running(layout: &Layout) -> Option<Instance> {
        let noted = fs::read_to_string(layout.pid_file());
        let noted = noted.ok().and_then(|pid| pid.trim().parse().ok());
        // That skiff may have been killed before it noted the process.
        noted
            .into_iter()
            .chain(neighbours())
            .map(|pid| Instance {
                pid: Pid::from_raw(pid),
                child: None,
                layout: layout.clone(),
            })
            .find(Instance::is_running)
    }

    pub(super) fn pid(&self) -> u32 {
        u32::try_from(self.pid.as_raw()).unwrap_or_default()
    }

    /// Returns when it has ended. Cancel-safe.
    pub(super) async fn ended(&mut self, channel: &Channel) {
        if let Some(child) = &mut self.child {
            // An error would mean that somebody else has waited for the child: it has ended all the same.
            let _ = child.wait().await;
            return;
        }
        while self.is_running() {
            events::until_closed(channel.clone()).await;
            // The connection may break a moment before the process is gone.
            sleep(Duration::from_millis(50)).await;
        }
    }

    /// Ends it: by SIGTERM, and if that does not help by SIGKILL. Its containers run on.
    pub(super) async fn stop(&mut self) -> Result<(), ProcessError> {
        for signal in [Signal::SIGTERM, Signal::SIGKILL] {
            match kill(self.pid, signal) {
                Ok(()) => {}
                Err(Errno::ESRCH) => break,
                Err(errno) => {
                    return Err(ProcessError::Run {
                        program: self.layout.config(),
                        source: io::Error::from(errno),
                    });
                }
            }
            if timeout(STOP_LIMIT, self.gone()).await.is_ok() {
                break;
            }
        }
        let _ = fs::remove_file(self.layout.pid_file());
        Ok(())
    }

    async fn gone(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.wait().await;
            return;
        }
        let mut pause = Duration::from_millis(1);
        while self.is_running() {
            sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Whether the process is there and is this containerd.
    fn is_running(&self) -> bool {
        runs_with(self.pid.as_raw(), "--config", &self.layout.config())
    }
}
