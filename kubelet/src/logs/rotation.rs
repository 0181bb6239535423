//! Keeps the logs of running containers from growing without end.
//!
//! A log that is written to wakes this up once, is looked at a while later, and is watched again: a container that
//! writes nothing costs nothing, one that writes without pause costs a look every ten seconds.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::fs;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::written::{Log, Written};
use crate::runtime::cri::{ContainerState, ContainerStatus};
use crate::runtime::{Runtime, RuntimeError, RuntimeEvent};

/// How large logs grow: the kubelet's `containerLogMaxSize`, `containerLogMaxFiles` and `containerLogMonitorInterval`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RotationPolicy {
    /// A log that is larger than this is put aside.
    pub(crate) max_bytes: u64,
    /// How many files of a container there are at most, the one that is written to among them; at least 2.
    pub(crate) max_files: usize,
    /// From the first write to a log until its size is looked at.
    pub(crate) look_after: Duration,
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
pub(crate) async fn rotate_logs<R: Runtime>(
    runtime: Arc<R>,
    policy: RotationPolicy,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let mut events = runtime.events();
    let mut written = Written::new(policy.look_after)?;
    loop {
        // All are cancel-safe.
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            event = events.next() => match event {
                Some(event) => heed(event, runtime.as_ref(), &mut written).await,
                None => return Ok(()),
            },
            log = written.next() => {
                let log = log?;
                if let Err(error) = look(&log, policy, runtime.as_ref()).await {
                    let error = &error as &dyn std::error::Error;
                    warn!(path = %log.path.display(), error, "a log was not rotated");
                }
                written.watch(log);
            }
        }
    }
}

async fn heed<R: Runtime>(event: RuntimeEvent, runtime: &R, written: &mut Written) {
    match event {
        RuntimeEvent::ContainerStarted { id, .. } => match runtime.container_status(&id).await {
            Ok(status) => written.extend(log_of(&status)),
            Err(error) => debug!(container = id, %error, "a container without a log"),
        },
        RuntimeEvent::ContainerExited { id, .. } => written.forget(&id),
        RuntimeEvent::Gap => match runtime.list().await {
            Ok(pods) => {
                let containers = pods.iter().flat_map(|pod| &pod.containers);
                let logs: Vec<Log> = containers.filter_map(log_of).collect();
                for log in &logs {
                    let reopen = runtime.reopen_container_log(&log.container_id);
                    if let Err(error) = finish(&log.path, reopen).await {
                        warn!(path = %log.path.display(), %error, "a log was not opened anew");
                    }
                }
                written.extend(logs);
            }
            Err(error) => warn!(%error, "logs are not rotated: the runtime lists no containers"),
        },
        RuntimeEvent::OutOfMemory { .. } | RuntimeEvent::SandboxExited { .. } => {}
    }
}

/// The log of a container that has not ended. One whose start is told may still count as created.
fn log_of(container: &ContainerStatus) -> Option<Log> {
    let may_write = container.state() != ContainerState::ContainerExited;
    (may_write && !container.log_path.is_empty()).then(|| Log {
        container_id: container.id.clone(),
        path: PathBuf::from(&container.log_path),
    })
}

/// Rotates the log if it is too large.
async fn look<R: Runtime>(
    log: &Log,
    policy: RotationPolicy,
    runtime: &R,
) -> Result<(), RuntimeError> {
    let failed = || RuntimeError::file(&log.path);
    let size_bytes = fs::metadata(&log.path).await.map_err(failed())?.len();
    if size_bytes <= policy.max_bytes {
        return Ok(());
    }
    let aside = aside(&log.path, Timestamp::now());
    fs::rename(&log.path, &aside).await.map_err(failed())?;
    if let Err(error) = runtime.reopen_container_log(&log.container_id).await {
        // The container writes on to where it did: that has to be found under the log's name.
        fs::rename(&aside, &log.path).await.map_err(failed())?;
        return Err(error);
    }
    remove_oldest(&log.path, policy.max_files)
        .await
        .map_err(failed())
}

/// Finishes a rotation that a kill cut short: the log was put aside, and the container still writes to it there.
async fn finish(
    path: &Path,
    reopen: impl Future<Output = Result<(), RuntimeError>>,
) -> Result<(), RuntimeError> {
    match fs::try_exists(path).await {
        Ok(false) => reopen.await,
        _ => Ok(()),
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

    #[tokio::test]
    async fn removing_leaves_the_log_and_other_containers_alone() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["0.log", "0.log.1", "0.log.2", "1.log", "1.log.1"] {
            std::fs::write(dir.path().join(name), name).unwrap();
        }
        remove_oldest(&dir.path().join("0.log"), 2).await.unwrap();
        let left = std::fs::read_dir(dir.path()).unwrap().flatten();
        let mut left: Vec<_> = left.map(|entry| entry.file_name()).collect();
        left.sort();
        assert_eq!(left, ["0.log", "0.log.2", "1.log", "1.log.1"]);
    }

    #[tokio::test]
    async fn a_log_that_was_put_aside_and_not_opened_anew_is_so_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("0.log");
        let mut opened = 0;
        for _ in 0..2 {
            let reopen = async {
                opened += 1;
                std::fs::write(&path, "").map_err(RuntimeError::file(&path))
            };
            finish(&path, reopen).await.unwrap();
        }
        assert_eq!(opened, 1);
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
