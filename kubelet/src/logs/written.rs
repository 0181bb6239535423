//! Tells which logs were written to, each a while after the write: a log that nobody writes to is never told.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::inotify::{AddWatchFlags, WatchDescriptor};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::watch::Watch;

/// A container's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Log {
    pub(super) container_id: String,
    pub(super) path: PathBuf,
}

/// Logs that are watched, and those that have been written to since.
#[derive(Debug)]
pub(super) struct Written {
    delay: Duration,
    writes: Watch,
    watched: HashMap<WatchDescriptor, Log>,
    /// In the order of time: all wait equally long.
    due: VecDeque<(Instant, Log)>,
}

impl Written {
    pub(super) fn new(delay: Duration) -> io::Result<Written> {
        Ok(Written {
            delay,
            writes: Watch::new()?,
            watched: HashMap::new(),
            due: VecDeque::new(),
        })
    }

    /// Watches a log until its next write. It is then told once, and not again before it is watched again.
    pub(super) fn watch(&mut self, log: Log) {
        let once = AddWatchFlags::IN_MODIFY | AddWatchFlags::IN_ONESHOT;
        match self.writes.add(&log.path, once) {
            Ok(watch) => drop(self.watched.insert(watch, log)),
            Err(error) => debug!(path = %log.path.display(), %error, "a log is gone"),
        }
    }

    /// Takes up logs that are new here. They may have been written to already, and so are told.
    pub(super) fn extend(&mut self, logs: impl IntoIterator<Item = Log>) {
        for log in logs {
            if !self.knows(&log) {
                self.due.push_back((Instant::now() + self.delay, log));
            }
        }
    }

    pub(super) fn forget(&mut self, container_id: &str) {
        self.due.retain(|(_, log)| log.container_id != container_id);
        let gone = self
            .watched
            .extract_if(|_, log| log.container_id == container_id);
        for (watch, _) in gone {
            self.writes.remove(watch);
        }
    }

    /// The next log whose time has come. Cancel-safe: what is not returned is kept.
    pub(super) async fn next(&mut self) -> io::Result<Log> {
        loop {
            let first = self.due.front().map(|(at, _)| *at);
            tokio::select! {
                () = until(first) => {
                    if let Some((_, log)) = self.due.pop_front() {
                        return Ok(log);
                    }
                }
                events = self.writes.events() => {
                    for event in events? {
                        let written = self.watched.remove(&event.wd);
                        let at = Instant::now() + self.delay;
                        self.due.extend(written.map(|log| (at, log)));
                    }
                }
            }
        }
    }

    fn knows(&self, log: &Log) -> bool {
        self.watched.values().any(|known| known == log)
            || self.due.iter().any(|(_, known)| known == log)
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use tokio::time::timeout;

    use super::*;

    const DELAY: Duration = Duration::from_millis(20);

    fn log(dir: &tempfile::TempDir, id: &str) -> Log {
        let path = dir.path().join(id);
        std::fs::write(&path, "").unwrap();
        Log {
            container_id: id.to_owned(),
            path,
        }
    }

    fn write(log: &Log) {
        let mut file = OpenOptions::new().append(true).open(&log.path).unwrap();
        file.write_all(b"line\n").unwrap();
    }

    async fn told(written: &mut Written) -> Log {
        let log = timeout(Duration::from_secs(10), written.next()).await;
        log.expect("a log in time").unwrap()
    }

    async fn expect_none(written: &mut Written) {
        assert!(timeout(DELAY * 5, written.next()).await.is_err());
    }

    #[tokio::test]
    async fn a_log_is_told_when_it_is_new_and_after_each_time_it_was_written_to() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = Written::new(DELAY).unwrap();
        let one = log(&dir, "one");
        written.extend([one.clone(), one.clone()]);
        assert_eq!(told(&mut written).await, one);
        written.watch(one.clone());
        expect_none(&mut written).await;

        for _ in 0..3 {
            write(&one);
        }
        assert_eq!(told(&mut written).await, one);
        expect_none(&mut written).await;
        written.watch(one.clone());
        write(&one);
        assert_eq!(told(&mut written).await, one);
    }

    #[tokio::test]
    async fn a_log_that_is_forgotten_is_not_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = Written::new(DELAY).unwrap();
        let [due, watched] = [log(&dir, "due"), log(&dir, "watched")];
        written.extend([due.clone()]);
        written.watch(watched.clone());
        written.forget("due");
        written.forget("watched");
        write(&watched);
        expect_none(&mut written).await;
    }

    #[tokio::test]
    async fn a_write_that_is_noticed_is_kept_when_waiting_is_given_up() {
        let dir = tempfile::tempdir().unwrap();
        let mut written = Written::new(Duration::from_millis(200)).unwrap();
        let one = log(&dir, "one");
        written.watch(one.clone());
        write(&one);
        for _ in 0..5 {
            let given_up = timeout(Duration::from_millis(5), written.next()).await;
            assert!(given_up.is_err());
        }
        assert_eq!(told(&mut written).await, one);
    }
}
