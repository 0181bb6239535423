//! Whether the node runs out of something: the defaults of the kubelet's hard eviction thresholds
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#hard-eviction-thresholds>), but that a large
//! disk needs no tenth of itself free.

use std::fs;
use std::path::Path;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use tokio::sync::Notify;
use tokio::time::sleep;

use super::machine::memory_bytes;

/// How often the thresholds are looked at, which nobody tells of when they are passed: the kubelet's housekeeping interval.
const PERIOD: Duration = Duration::from_secs(10);

const MIN_MEMORY_BYTES: i64 = 100 << 20;
const MIN_DISK_PERCENT: u64 = 10;
/// A tenth of a large disk is more than a node needs to work: so much is never too little.
const ENOUGH_DISK_BYTES: u64 = 2 << 30;
const MIN_INODES_PERCENT: u64 = 5;
/// Of the kernel's process ids, so many may be in use.
const MAX_PIDS_PERCENT: u64 = 95;

/// What is short.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Pressure {
    pub(super) memory: bool,
    pub(super) disk: bool,
    pub(super) pids: bool,
}

/// Tells for ever when something becomes short, or is short no longer: then a `report` is due.
pub(super) async fn watch(data_dir: &Path, report: &Notify) {
    let mut known = look(data_dir);
    loop {
        sleep(PERIOD).await;
        let now = look(data_dir);
        if now != known {
            known = now;
            report.notify_one();
        }
    }
}

/// Looks at what is left. What cannot be read is not short.
pub(super) fn look(data_dir: &Path) -> Pressure {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let disk = statvfs(data_dir).is_ok_and(|found| {
        let available_bytes = found.blocks_available() * found.fragment_size();
        available_bytes < ENOUGH_DISK_BYTES
            && is_short(found.blocks_available(), found.blocks(), MIN_DISK_PERCENT)
            || is_short(found.files_available(), found.files(), MIN_INODES_PERCENT)
    });
    Pressure {
        memory: memory_is_short(memory_bytes(&read("/proc/meminfo"), "MemAvailable")),
        disk,
        pids: pids_are_short(&read("/proc/loadavg"), &read("/proc/sys/kernel/pid_max")),
    }
}

fn memory_is_short(available_bytes: i64) -> bool {
    available_bytes > 0 && available_bytes < MIN_MEMORY_BYTES
}

/// File systems without a fixed number of files say 0 of 0.
fn is_short(available: u64, all: u64, min_percent: u64) -> bool {
    all > 0 && available.saturating_mul(100) < all.saturating_mul(min_percent)
}

/// The fourth field of loadavg is `running/all`.
fn pids_are_short(loadavg: &str, pid_max: &str) -> bool {
    let tasks = loadavg
        .split(' ')
        .nth(3)
        .and_then(|field| field.split_once('/'));
    let used = tasks.and_then(|(_, all)| all.parse::<u64>().ok());
    let max = pid_max.trim().parse::<u64>().ok();
    used.zip(max)
        .is_some_and(|(used, max)| used.saturating_mul(100) > max.saturating_mul(MAX_PIDS_PERCENT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_are_those_of_the_documentation() {
        assert!(is_short(9, 100, MIN_DISK_PERCENT));
        assert!(!is_short(10, 100, MIN_DISK_PERCENT));
        assert!(!is_short(0, 0, MIN_INODES_PERCENT));
        assert!(memory_is_short(99 << 20));
        assert!(!memory_is_short(101 << 20));
        assert!(pids_are_short("0.1 0.1 0.1 2/31300 99", "32768\n"));
        assert!(!pids_are_short("0.1 0.1 0.1 2/300 99", "32768\n"));
    }
}
