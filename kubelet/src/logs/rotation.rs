//! Keeps the logs of running containers from growing without end.
//!
//! A log that is written to wakes this up once, is looked at a while later, and is watched again: a container that
//! writes nothing costs nothing, one that writes without pause costs a look every ten seconds.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::inotify::{AddWatchFlags, WatchDescriptor};
use tokio::fs;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::watch::Watch;
use crate::runtime::cri::{ContainerState, ContainerStatus};
use crate::runtime::{Runtime, RuntimeError, RuntimeEvent};

/// How large logs grow: the kubelet's `containerLogMaxSize`, `containerLogMaxFiles` and `containerLogMonitorInterval`.
#[derive(Debug, Clone, Copy)]
pub struct RotationPolicy {
    /// A log that is larger than this is put aside.
    pub max_bytes: u64,
    /// How many files of a container there are at most, the one that is written to among them; at least 2.
    pub max_files: usize,
    /// From the first write to a log until its size is looked at.
    pub look_after: Duration,
}

impl Default for RotationPolicy {
    fn default() -> RotationPolicy {
        RotationPolicy {
            max_bytes: 10 << 20,
            max_files: 5,
            look_after: Duration::from_secs(10),
        }
    }
}

/// Rotates the logs of all containers until `shutdown`.
pub async fn rotate_logs<R: Runtime>(
    runtime: Arc<R>,
    policy: RotationPolicy,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut events = runtime.events();
    let mut rotator = Rotator {
        runtime,
        policy,
        writes: Watch::new()?,
        watched: HashMap::new(),
        due: VecDeque::new(),
    };
    loop {
        // All are cancel-safe; the time of the next look is kept in the queue.
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            event = events.next() => match event {
                Some(event) => rotator.heed(event).await,
                None => return Ok(()),
            },
            written = rotator.writes.events() => {
                for event in written? {
                    rotator.schedule(event.wd);
                }
            }
            () = until(rotator.due.front().map(|(at, _)| *at)) => rotator.look().await,
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

/// A container's log.
#[derive(Debug, Clone)]
struct Log {
    container_id: String,
    path: PathBuf,
}

struct Rotator<R> {
    runtime: Arc<R>,
    policy: RotationPolicy,
    writes: Watch,
    /// Logs that have not been written to since they were looked at.
    watched: HashMap<WatchDescriptor, Log>,
    /// Logs that have, with the time to look at each.
    due: VecDeque<(Instant, Log)>,
}

impl<R: Runtime> Rotator<R> {
    async fn heed(&mut self, event: RuntimeEvent) {
        match event {
            RuntimeEvent::ContainerStarted { id, .. } => {
                match self.runtime.container_status(&id).await {
                    Ok(status) => self.add(&status),
                    Err(error) => debug!(container = id, %error, "a container without a log"),
                }
            }
            RuntimeEvent::ContainerExited { id, .. } => self.forget(&id),
            RuntimeEvent::Gap => self.add_all().await,
            RuntimeEvent::OutOfMemory { .. } | RuntimeEvent::SandboxExited { .. } => {}
        }
    }

    async fn add_all(&mut self) {
        match self.runtime.list().await {
            Ok(pods) => {
                for container in pods.iter().flat_map(|pod| &pod.containers) {
                    self.add(container);
                }
            }
            Err(error) => warn!(%error, "logs are not rotated: the runtime lists no containers"),
        }
    }

    fn add(&mut self, container: &ContainerStatus) {
        let running = container.state() == ContainerState::ContainerRunning;
        if !running || container.log_path.is_empty() || self.knows(&container.id) {
            return;
        }
        // A log may have grown before it is watched: it is looked at first.
        let log = Log {
            container_id: container.id.clone(),
            path: PathBuf::from(&container.log_path),
        };
        self.due
            .push_back((Instant::now() + self.policy.look_after, log));
    }

    fn knows(&self, container_id: &str) -> bool {
        let mut watched = self.watched.values();
        watched.any(|log| log.container_id == container_id)
            || self
                .due
                .iter()
                .any(|(_, log)| log.container_id == container_id)
    }

    fn forget(&mut self, container_id: &str) {
        self.due.retain(|(_, log)| log.container_id != container_id);
        let writes = &self.writes;
        self.watched.retain(|watch, log| {
            let keep = log.container_id != container_id;
            if !keep {
                writes.remove(*watch);
            }
            keep
        });
    }

    fn schedule(&mut self, watch: WatchDescriptor) {
        if let Some(log) = self.watched.remove(&watch) {
            self.due
                .push_back((Instant::now() + self.policy.look_after, log));
        }
    }

    /// Looks at the log whose time has come, and watches it again.
    async fn look(&mut self) {
        let Some((_, log)) = self.due.pop_front() else {
            return;
        };
        let outcome = match fs::metadata(&log.path).await {
            Ok(meta) if meta.len() > self.policy.max_bytes => self.rotate(&log).await,
            Ok(_) => Ok(()),
            Err(source) => Err(RuntimeError::file(&log.path)(source)),
        };
        if let Err(error) = outcome {
            warn!(
                path = %log.path.display(),
                error = &error as &dyn std::error::Error,
                "a log was not rotated"
            );
        }
        let once = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ONESHOT;
        match self.writes.add(&log.path, once) {
            Ok(watch) => drop(self.watched.insert(watch, log)),
            Err(error) => debug!(path = %log.path.display(), %error, "a log is gone"),
        }
    }

    /// Puts the log aside and has the runtime begin a new one. If it cannot, the log goes back to its place.
    async fn rotate(&self, log: &Log) -> Result<(), RuntimeError> {
        let aside = aside(&log.path, Timestamp::now());
        fs::rename(&log.path, &aside)
            .await
            .map_err(RuntimeError::file(&log.path))?;
        if let Err(error) = self.runtime.reopen_container_log(&log.container_id).await {
            fs::rename(&aside, &log.path)
                .await
                .map_err(RuntimeError::file(&log.path))?;
            return Err(error);
        }
        remove_oldest(&log.path, self.policy.max_files)
            .await
            .map_err(RuntimeError::file(&log.path))
    }
}

/// `0.log.20240501-100000`: the name that the real kubelet gives a log that it puts aside. In the order of time when sorted.
fn aside(path: &Path, now: Timestamp) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(now.strftime(".%Y%m%d-%H%M%S").to_string());
    PathBuf::from(name)
}

async fn remove_oldest(path: &Path, max_files: usize) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("/"));
    let mut names = Vec::new();
    let mut entries = fs::read_dir(dir).await?;
    while let Some(entry) = entries.next_entry().await? {
        names.extend(entry.file_name().into_string());
    }
    let log = path.file_name().unwrap_or_default().to_string_lossy();
    for name in superfluous(&log, names, max_files) {
        fs::remove_file(dir.join(name)).await?;
    }
    Ok(())
}

/// Which of the files in the folder are too many of the log's.
fn superfluous(log: &str, mut names: Vec<String>, max_files: usize) -> Vec<String> {
    let prefix = format!("{log}.");
    names.retain(|name| name.starts_with(&prefix));
    names.sort();
    let keep = max_files.saturating_sub(1);
    names.truncate(names.len().saturating_sub(keep));
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_too_many_files_go() {
        let names =
            |names: &[&str]| -> Vec<String> { names.iter().map(|n| n.to_string()).collect() };
        let there = names(&[
            "0.log", "0.log.3", "0.log.1", "0.log.2", "1.log", "10.log.1",
        ]);
        for (max_files, gone) in [
            (5, vec![]),
            (4, vec![]),
            (3, vec!["0.log.1"]),
            (2, vec!["0.log.1", "0.log.2"]),
        ] {
            assert_eq!(superfluous("0.log", there.clone(), max_files), gone);
        }
    }

    #[test]
    fn a_log_is_put_aside_under_the_time() {
        let now = "2024-05-01T10:02:03.5Z".parse().unwrap();
        assert_eq!(
            aside(Path::new("/l/0.log"), now),
            Path::new("/l/0.log.20240501-100203")
        );
    }
}
