//! What a container left behind about its end
//! (<https://kubernetes.io/docs/tasks/debug/debug-application/determine-reason-pod-failure/>).

use std::io::SeekFrom;
use std::path::Path;

use k8s_openapi::api::core::v1::Container;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::logs::last_output;
use crate::pods::seen::{Exit, Instance, State};

/// A message may be so long.
const MAX_MESSAGE_BYTES: u64 = 4096;
/// Of the log, when it stands in for the message: so many bytes and lines.
const MAX_LOG_BYTES: usize = 2048;
const MAX_LOG_LINES: u64 = 80;

/// Fills in the message of a container that has ended: its termination log, else the end of its log if that is wanted.
pub(super) async fn fill(
    instance: &mut Instance,
    container: Option<&Container>,
    termination_log: &Path,
) {
    let log_path = instance.log_path.clone();
    let State::Exited(exit) = &mut instance.state else {
        return;
    };
    if !exit.message.is_empty() {
        return;
    }
    exit.message = tail(Path::new(termination_log), MAX_MESSAGE_BYTES).await;
    let policy = container.and_then(|one| one.termination_message_policy.as_deref());
    if wants_log(exit, policy) {
        exit.message = end_of_log(log_path).await;
    }
}

fn wants_log(exit: &Exit, policy: Option<&str>) -> bool {
    exit.message.is_empty() && exit.code != 0 && policy == Some("FallbackToLogsOnError")
}

async fn end_of_log(path: String) -> String {
    let read = move || last_output(Path::new(&path), MAX_LOG_LINES, MAX_LOG_BYTES);
    let read = tokio::task::spawn_blocking(read).await;
    read.ok().and_then(Result::ok).unwrap_or_default()
}

/// The last bytes of a file; nothing if it cannot be read.
async fn tail(path: &Path, max_bytes: u64) -> String {
    let read = async {
        let mut file = File::open(path).await?;
        let length = file.metadata().await?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(max_bytes)))
            .await?;
        let mut bytes = Vec::new();
        file.take(max_bytes).read_to_end(&mut bytes).await?;
        Ok::<_, std::io::Error>(bytes)
    };
    let bytes = read.await.unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    fn failed(log_path: &Path) -> Instance {
        Instance {
            id: "1".to_owned(),
            sandbox_id: "s".to_owned(),
            attempt: 0,
            hash: String::new(),
            image: String::new(),
            image_ref: String::new(),
            log_path: log_path.to_string_lossy().into_owned(),
            state: State::Exited(Exit {
                started_at: None,
                finished_at: Timestamp::UNIX_EPOCH,
                code: 1,
                reason: "Error".to_owned(),
                message: String::new(),
            }),
        }
    }

    #[tokio::test]
    async fn the_file_counts_and_the_log_stands_in_for_it() {
        let dir = tempfile::tempdir().expect("a folder");
        let (file, log) = (dir.path().join("file"), dir.path().join("log"));
        std::fs::write(&log, "2026-01-01T00:00:00Z stderr F no such host\n").expect("written");
        let falls_back = Container {
            termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
            ..Container::default()
        };
        let message = async |container: &Container| {
            let mut instance = failed(&log);
            fill(&mut instance, Some(container), &file).await;
            instance
                .exit()
                .map(|exit| exit.message.clone())
                .unwrap_or_default()
        };
        assert_eq!(message(&Container::default()).await, "");
        assert_eq!(message(&falls_back).await, "no such host\n");
        std::fs::write(&file, "disk full").expect("written");
        assert_eq!(message(&falls_back).await, "disk full");
    }
}
