//! sled alone: a process that keeps values in it and does nothing else.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::bed::{Taken, on_disk, resident_mib};
use crate::bench::resources::Process;

/// As many writers wait for one flush when many write at a time.
const GROUP: usize = 32;
/// As skiff's store opens it.
const CACHE_BYTES: u64 = 16 << 20;
const SEGMENT_BYTES: usize = 2 << 20;

/// The process, which ends when this is dropped.
pub(super) struct Sled {
    child: Child,
    dir: PathBuf,
}

impl Sled {
    /// Starts it, and waits until it has the values.
    pub(super) fn start(dir: &Path, values: &Path) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("sled")
            .arg("--dir")
            .arg(dir)
            .arg("--values")
            .arg(values)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("start sled")?;
        let said = child.stdout.take().context("it has an output")?;
        let this = Self {
            child,
            dir: dir.to_owned(),
        };
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        ensure!(line == "kept\n", "sled does not have the values");
        Ok(this)
    }

    /// What it takes.
    pub(super) fn taken(&self) -> Result<Taken> {
        Ok(Taken {
            resident_mib: resident_mib(&Process::of_id(self.child.id()))?,
            disk_bytes: on_disk(&self.dir)?,
        })
    }
}

impl Drop for Sled {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The process itself: keeps each line of a file as a value, durably, and stays until its input ends.
pub(in crate::bench) fn keep(dir: &Path, values: &Path) -> Result<()> {
    fs::create_dir_all(dir)?;
    let db = sled::Config::new()
        .path(dir)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(CACHE_BYTES)
        .flush_every_ms(None)
        .open()?;
    let file = File::open(dir.join("db"))?;
    let mut batch = sled::Batch::default();
    let values = BufReader::new(File::open(values)?);
    for (number, value) in values.lines().enumerate() {
        let key = format!("/registry/core/pods/default/shop-{number:06}");
        batch.insert(key.as_bytes(), value?.as_bytes());
        if (number + 1) % GROUP == 0 {
            db.apply_batch(std::mem::take(&mut batch))?;
            db.flush()?;
            file.sync_data()?;
        }
    }
    db.apply_batch(batch)?;
    db.flush()?;
    file.sync_data()?;
    println!("kept");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
