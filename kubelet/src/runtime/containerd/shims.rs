//! Shims that containerd has lost. A start that is given up half-way, such as that of a kubelet that was killed, may leave
//! one behind: it waits for ever for a process that it has prepared and containerd does not know.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{sleep, timeout};

use super::layout::Layout;
use super::neighbours::{neighbours, runs_with};

/// How long a killed process may take to go.
const END_LIMIT: Duration = Duration::from_secs(5);

/// Ends every shim of the containerd in `data_dir` with what it runs. To be called when no Pod is left: theirs end as well.
pub(crate) async fn end_shims(data_dir: &Path) {
    let socket = Layout::new(data_dir).socket();
    let is_shim = |pid: &i32| runs_with(*pid, "-address", &socket);
    let shims: Vec<i32> = neighbours().filter(is_shim).collect();
    let below = shims.iter().flat_map(|shim| children(*shim));
    let all: Vec<i32> = below.chain(shims.iter().copied()).collect();
    for process in &all {
        // One that has ended meanwhile is as good.
        let _ = kill(Pid::from_raw(*process), Signal::SIGKILL);
    }
    let gone = async {
        while all.iter().any(is_alive) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    if timeout(END_LIMIT, gone).await.is_err() {
        tracing::warn!(
            ?all,
            "shims and what they run were killed and are still there"
        );
    }
}

fn is_alive(pid: &i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the command's name, which may hold parentheses itself.
    let state = stat.rsplit_once(") ").map(|(_, rest)| rest);
    state.is_some_and(|state| !state.starts_with('Z'))
}

fn children(pid: i32) -> Vec<i32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.unwrap_or_default();
    let pids = listed.split_whitespace();
    pids.filter_map(|pid| pid.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use tokio::process::Command;

    use super::*;

    #[tokio::test]
    async fn a_lost_shim_ends_with_what_it_runs_and_no_other() {
        let [own, other] = [1, 2].map(|_| tempfile::tempdir().expect("a folder"));
        let shim = |dir: &Path| {
            let mut command = Command::new("sh");
            command.args(["-c", "sleep 1000 & wait", "containerd-shim", "-address"]);
            command.arg(Layout::new(dir).socket()).kill_on_drop(true);
            command.spawn().expect("sh runs")
        };
        let (mut lost, mut strange) = (shim(own.path()), shim(other.path()));
        let pid = i32::try_from(lost.id().expect("it runs")).expect("a pid");
        let mut below = children(pid);
        while below.is_empty() {
            sleep(Duration::from_millis(1)).await;
            below = children(pid);
        }
        end_shims(own.path()).await;
        lost.wait().await.expect("it has ended");
        assert!(!below.iter().any(is_alive), "{below:?}");
        assert!(strange.try_wait().expect("it can be asked").is_none());
        end_shims(other.path()).await;
        strange.wait().await.expect("it has ended");
    }
}
