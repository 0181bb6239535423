//! What the disk itself can do: append and wait until it is durable.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use nix::sys::statfs::{TMPFS_MAGIC, statfs};

use super::statistics::Samples;

/// As many bytes as a ConfigMap of the creates has.
const RECORD: [u8; 1024] = [b'x'; 1024];

/// Appends records of 1 KiB to a file in `dir` for `time`, each followed by an fdatasync.
///
/// # Errors
/// Also if the files of `dir` are in memory, where nothing is durable.
pub(super) fn append_durably(dir: &Path, time: Duration) -> Result<Samples> {
    let system = statfs(dir).with_context(|| format!("look at {}", dir.display()))?;
    ensure!(
        system.filesystem_type() != TMPFS_MAGIC,
        "{} is in memory: name a folder on a disk",
        dir.display()
    );
    let path = dir.join(format!("bench-append-{}", std::process::id()));
    let samples = append(&path, time);
    std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    samples
}

fn append(path: &Path, time: Duration) -> Result<Samples> {
    let mut file = File::create(path).with_context(|| format!("create {}", path.display()))?;
    let started = Instant::now();
    let mut samples = Vec::new();
    while started.elapsed() < time {
        let began = Instant::now();
        file.write_all(&RECORD)?;
        file.sync_data()?;
        samples.push(began.elapsed());
    }
    Ok(samples.into_iter().collect())
}
