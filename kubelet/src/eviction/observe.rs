//! What is left on the node, as the kernel says.

use std::fs;
use std::path::{Path, PathBuf};

use nix::sys::stat::stat;
use nix::sys::statvfs::statvfs;

use crate::config::Config;
use crate::machine::memory_bytes;
use crate::runtime::Runtime;
use crate::thresholds::{Observation, Signal};

/// The file systems of the node.
#[derive(Clone, Debug)]
pub(crate) struct Disks {
    /// Where volumes and logs are.
    pub(crate) nodefs: PathBuf,
    /// Where images and what containers write are.
    pub(crate) imagefs: PathBuf,
}

impl Disks {
    /// As they are if the runtime keeps its images below the data directory.
    pub(crate) fn below(config: &Config) -> Self {
        Self {
            nodefs: config.data_dir.clone(),
            imagefs: config.data_dir.clone(),
        }
    }

    /// As they are where the runtime says that images are; as [`below`](Self::below) if it does not answer.
    pub(crate) async fn of<R: Runtime>(config: &Config, runtime: &R) -> Self {
        let below = Self::below(config);
        match runtime.image_dir().await {
            Ok(Some(imagefs)) => Self { imagefs, ..below },
            _ => below,
        }
    }

    /// Whether images have a file system of their own.
    pub(crate) fn are_split(&self) -> bool {
        let device = |path: &Path| stat(path).map(|found| found.st_dev).ok();
        device(&self.imagefs).is_some() && device(&self.nodefs) != device(&self.imagefs)
    }
}

/// Looks at what is left. What cannot be read is left out.
pub(crate) fn look(disks: &Disks) -> Vec<Observation> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut seen = Vec::new();
    seen.extend(memory(&read("/proc/meminfo")));
    for (path, available, inodes) in [
        (
            &disks.nodefs,
            Signal::NodefsAvailable,
            Signal::NodefsInodesFree,
        ),
        (
            &disks.imagefs,
            Signal::ImagefsAvailable,
            Signal::ImagefsInodesFree,
        ),
    ] {
        seen.extend(disk(path, available, inodes));
    }
    seen.extend(pids(
        &read("/proc/loadavg"),
        &read("/proc/sys/kernel/pid_max"),
    ));
    seen
}

fn memory(meminfo: &str) -> Option<Observation> {
    let capacity = memory_bytes(meminfo, "MemTotal");
    (capacity > 0).then(|| Observation {
        signal: Signal::MemoryAvailable,
        available: memory_bytes(meminfo, "MemAvailable"),
        capacity,
    })
}

fn disk(path: &Path, available: Signal, inodes: Signal) -> Vec<Observation> {
    let Ok(found) = statvfs(path) else {
        return Vec::new();
    };
    let number = |amount: u64| i64::try_from(amount).unwrap_or(i64::MAX);
    let bytes = |blocks: u64| number(blocks.saturating_mul(found.fragment_size()));
    vec![
        Observation {
            signal: available,
            available: bytes(found.blocks_available()),
            capacity: bytes(found.blocks()),
        },
        Observation {
            signal: inodes,
            available: number(found.files_available()),
            capacity: number(found.files()),
        },
    ]
}

/// The fourth field of loadavg is `running/all`.
fn pids(loadavg: &str, pid_max: &str) -> Option<Observation> {
    let tasks = loadavg.split(' ').nth(3)?.split_once('/')?.1;
    let used: i64 = tasks.parse().ok()?;
    let capacity: i64 = pid_max.trim().parse().ok()?;
    Some(Observation {
        signal: Signal::PidAvailable,
        available: capacity - used,
        capacity,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_files_are_understood() {
        let told = |signal, available, capacity| Observation {
            signal,
            available,
            capacity,
        };
        assert_eq!(
            memory("MemTotal: 8 kB\nMemFree: 1 kB\nMemAvailable: 2 kB\n"),
            Some(told(Signal::MemoryAvailable, 2048, 8192))
        );
        assert_eq!(memory(""), None);
        assert_eq!(
            pids("0.1 0.1 0.1 2/300 99", "32768\n"),
            Some(told(Signal::PidAvailable, 32468, 32768))
        );
        assert_eq!(pids("", ""), None);
    }

    #[test]
    fn this_machine_is_seen() {
        let disks = Disks {
            nodefs: "/proc".into(),
            imagefs: "/tmp".into(),
        };
        assert!(disks.are_split());
        let signals: Vec<Signal> = look(&disks).iter().map(|one| one.signal).collect();
        assert_eq!(signals, Signal::ALL);
    }
}
