//! The data directory: one cluster, one skiff at a time, one version.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail, ensure};
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::Pid;

/// Where a cluster is, unless the user says another place.
pub(crate) const DEFAULT_DATA_DIR: &str = "/var/lib/skiff";
/// The version of the directory's layout; another one is refused rather than guessed at.
const LAYOUT: &str = "1";
/// The file that holds it, and tells a cluster's directory from any other.
const VERSION_FILE: &str = "version";

/// A data directory that this process holds. Another skiff is refused as long as it lives.
pub(crate) struct DataDir {
    path: PathBuf,
    /// The kernel lets go of the lock when the process ends, however it ends.
    _lock: Flock<File>,
}

impl DataDir {
    /// Makes the directory if it is not there, and takes it.
    ///
    /// # Errors
    /// If another skiff holds it, if it is of another version, or if it cannot be written.
    pub(crate) fn hold(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .with_context(|| format!("make the data directory {shown}"))?;
        match Flock::lock(lock_file(path)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Self::held(path, lock),
            Err((mut file, _)) => {
                let mut pid = String::new();
                file.read_to_string(&mut pid)?;
                bail!(
                    "the data directory {shown} is in use by skiff with process id {}",
                    pid.trim()
                );
            }
        }
    }

    /// Takes the directory as soon as no skiff holds it; blocks the thread until then.
    pub(crate) fn hold_when_free(path: &Path) -> anyhow::Result<Self> {
        match Flock::lock(lock_file(path)?, FlockArg::LockExclusive) {
            Ok(lock) => Self::held(path, lock),
            Err((_, error)) => Err(error).with_context(|| format!("lock {}", path.display())),
        }
    }

    fn held(path: &Path, mut lock: Flock<File>) -> anyhow::Result<Self> {
        check_layout(path)?;
        lock.set_len(0)?;
        lock.rewind()?;
        writeln!(lock, "{}", std::process::id())?;
        Ok(Self {
            path: path.to_owned(),
            _lock: lock,
        })
    }

    /// A path inside.
    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// The process that holds the directory, if one does.
pub(crate) fn holder(path: &Path) -> anyhow::Result<Option<Pid>> {
    ensure!(
        path.join(VERSION_FILE).is_file(),
        "there is no cluster in {}",
        path.display()
    );
    let mut pid = String::new();
    match Flock::lock(lock_file(path)?, FlockArg::LockSharedNonblock) {
        Ok(_) => return Ok(None),
        Err((mut file, _)) => file.read_to_string(&mut pid)?,
    };
    let pid = pid
        .trim()
        .parse()
        .with_context(|| format!("the process id in {}/skiff.pid", path.display()))?;
    Ok(Some(Pid::from_raw(pid)))
}

fn lock_file(path: &Path) -> anyhow::Result<File> {
    let file = path.join("skiff.pid");
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("open {}", file.display()))
}

fn check_layout(path: &Path) -> anyhow::Result<()> {
    let file = path.join(VERSION_FILE);
    match std::fs::read_to_string(&file) {
        Ok(version) => ensure!(
            version.trim() == LAYOUT,
            "the data directory {} is of version {}, this skiff reads version {LAYOUT}",
            path.display(),
            version.trim()
        ),
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => {
            std::fs::write(&file, format!("{LAYOUT}\n"))
                .with_context(|| format!("write {}", file.display()))?;
        }
        Err(error) => return Err(error).with_context(|| format!("read {}", file.display())),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            Self(std::env::temp_dir().join(format!("skiff-data-dir-{name}-{}", std::process::id())))
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn one_skiff_at_a_time_holds_a_directory() {
        let scratch = Scratch::new("held");
        let held = DataDir::hold(&scratch.0).expect("free");
        let error = DataDir::hold(&scratch.0).err().expect("held").to_string();
        assert!(
            error.ends_with(&format!(
                "is in use by skiff with process id {}",
                std::process::id()
            )),
            "{error}"
        );
        assert_eq!(holder(&scratch.0).expect("readable"), Some(Pid::this()));
        drop(held);
        assert_eq!(holder(&scratch.0).expect("readable"), None);
    }

    #[test]
    fn another_version_is_refused_and_left_as_it_is() {
        let scratch = Scratch::new("version");
        drop(DataDir::hold(&scratch.0).expect("free"));
        std::fs::write(scratch.0.join("version"), "7\n").expect("write");
        let error = DataDir::hold(&scratch.0)
            .err()
            .expect("refused")
            .to_string();
        assert!(
            error.ends_with("is of version 7, this skiff reads version 1"),
            "{error}"
        );
        assert_eq!(
            std::fs::read_to_string(scratch.0.join("version")).expect("read"),
            "7\n"
        );
    }

    #[test]
    fn a_directory_without_a_cluster_is_left_as_it_is() {
        let scratch = Scratch::new("empty");
        std::fs::create_dir(&scratch.0).expect("make");
        let error = holder(&scratch.0).expect_err("no cluster").to_string();
        assert!(error.starts_with("there is no cluster in "), "{error}");
        let mut left = std::fs::read_dir(&scratch.0).expect("read");
        assert!(left.next().is_none(), "nothing was written");
    }
}
