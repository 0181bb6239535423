//! The data directory around sled: one process at a time, and every name in it durable.

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
};

use super::reserve::reserve;
use crate::{EngineError, OpenError};

/// sled's file with all pages.
const PAGES: &str = "db";
const LOCK: &str = "lock";

/// The data directory, locked while this lives.
pub(super) struct Directory {
    dir: PathBuf,
    lock: File,
    /// Our own handle to sled's file, to sync it.
    pages: File,
}

impl Directory {
    /// Makes the directory, locks it, and clears what a crash may have left there.
    pub(super) fn prepare(dir: &Path) -> Result<Self, OpenError> {
        fs::create_dir_all(dir).map_err(at(dir))?;
        let path = dir.join(LOCK);
        let lock = open_file(&path)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => OpenError::InUse { dir: dir.into() },
            TryLockError::Error(source) => OpenError::Io { path, source },
        })?;
        remove_half_snapshots(dir).map_err(at(dir))?;
        let path = dir.join(PAGES);
        let pages = open_file(&path)?;
        wait_until_free(&pages).map_err(at(&path))?;
        Ok(Self {
            dir: dir.into(),
            lock,
            pages,
        })
    }

    /// Makes the directory's files and their names durable: sled does it for none of them.
    pub(super) fn sync_all(&self) -> Result<(), OpenError> {
        for entry in fs::read_dir(&self.dir).map_err(at(&self.dir))? {
            sync(&entry.map_err(at(&self.dir))?.path())?;
        }
        sync(&self.dir)?;
        match self.dir.canonicalize().map_err(at(&self.dir))?.parent() {
            Some(parent) => sync(parent),
            None => Ok(()),
        }
    }

    /// Whether there is room on the disk to commit a group with so many bytes of keys and values; takes it, if so.
    pub(super) fn has_room(&self, bytes: usize) -> bool {
        reserve(&self.pages, bytes)
    }

    /// Waits until every page written so far is on the disk.
    pub(super) fn sync_data(&self) -> Result<(), EngineError> {
        self.pages.sync_data().map_err(|source| EngineError::Sync {
            path: self.dir.join(PAGES),
            source,
        })
    }
}

impl Drop for Directory {
    /// Unlocks in so many words: a child that another thread is just starting has the handle too, until it executes
    /// its program, and closing ours alone would leave the directory locked that long.
    fn drop(&mut self) {
        if let Err(error) = self.lock.unlock() {
            tracing::warn!(%error, dir = %self.dir.display(), "cannot unlock the data directory");
        }
    }
}

/// sled holds a lock on its file until its background threads have let go of it, which may be a moment after a
/// store of this same process was closed, and fails to open meanwhile. Our own lock keeps everyone else out.
fn wait_until_free(pages: &File) -> io::Result<()> {
    pages.lock()?;
    pages.unlock()
}

/// sled fails to open when it finds a snapshot that a crash kept it from finishing.
fn remove_half_snapshots(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn open_file(path: &Path) -> Result<File, OpenError> {
    let mut options = File::options();
    let options = options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(at(path))
}

fn sync(path: &Path) -> Result<(), OpenError> {
    File::open(path)
        .and_then(|file| file.sync_all())
        .map_err(at(path))
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    move |source| OpenError::Io {
        path: path.into(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_open_once_and_half_snapshots_go() {
        let dir = tempfile::tempdir().unwrap();
        for name in ["snap.0A.generating", "snap.0A"] {
            fs::write(dir.path().join(name), "x").unwrap();
        }
        let first = Directory::prepare(dir.path()).unwrap();
        assert!(!dir.path().join("snap.0A.generating").exists());
        assert!(dir.path().join("snap.0A").exists());
        let second = Directory::prepare(dir.path()).map(|_| ());
        assert!(matches!(second, Err(OpenError::InUse { .. })));
        drop(first);
        Directory::prepare(dir.path()).unwrap();
    }
}
