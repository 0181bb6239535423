//! A network namespace of the test's own, and ways to do things in it.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result, anyhow};
use nix::sched::{CloneFlags, setns};

use crate::command::{output, typed};
use crate::processes::{end_all, namespace_inode};

/// Where `ip netns` keeps them.
const FOLDER: &str = "/run/netns";

/// A network namespace, seen by `ip netns` under its name, removed with all its processes on drop.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes the namespace `name` with its loopback up; one that an earlier test left is removed first.
    pub fn create(name: &str) -> Result<Self> {
        let namespace = Self {
            name: name.to_owned(),
        };
        namespace.remove();
        output(&mut typed(&format!("ip netns add {name}")))
            .context("make a network namespace (this needs root)")?;
        namespace.ip("link set lo up")?;
        Ok(namespace)
    }

    /// The name that `ip netns` shows.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that stands for the namespace.
    pub fn path(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.name)
    }

    /// A command that will run inside.
    ///
    /// Only the network changes: `ip netns exec` would also remount `/sys`, which hides the cgroups.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net={}", self.path().display()));
        command.arg("--").arg(program);
        command
    }

    /// Runs `ip` inside, its arguments split at white space.
    pub fn ip(&self, arguments: &str) -> Result<String> {
        output(&mut typed(&format!("ip -n {} {arguments}", self.name)))
    }

    /// Runs `work` on a thread inside: sockets that it opens belong to the namespace.
    pub fn run<T: Send>(&self, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        let file = File::open(self.path()).with_context(|| format!("open {}", self.name))?;
        thread::scope(|scope| {
            let inside = scope.spawn(move || {
                setns(file, CloneFlags::CLONE_NEWNET).context("enter the namespace")?;
                work()
            });
            inside
                .join()
                .map_err(|_| anyhow!("the work in a namespace panicked"))?
        })
    }

    /// Starts `work` on a thread inside, which goes on by itself.
    pub(crate) fn start<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<JoinHandle<Result<T>>> {
        let file = File::open(self.path()).with_context(|| format!("open {}", self.name))?;
        Ok(thread::spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET).context("enter the namespace")?;
            work()
        }))
    }

    /// Removes the namespaces that an earlier, killed test left under names with this prefix.
    pub(crate) fn remove_all(prefix: &str) -> Result<()> {
        let Ok(entries) = fs::read_dir(FOLDER) else {
            return Ok(());
        };
        for entry in entries {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name.starts_with(prefix) {
                drop(Self { name });
            }
        }
        Ok(())
    }

    fn remove(&self) {
        if let Some(inode) = namespace_inode(&self.path()) {
            if let Err(error) = end_all(&[inode], None) {
                eprintln!("{}: {error:#}", self.name);
            }
            let _ = typed(&format!("ip netns del {}", self.name)).status();
        }
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Keeps a child out of the test's process group, so that Ctrl-C reaches the test first.
pub(crate) fn in_own_group(command: &mut Command) -> &mut Command {
    command.process_group(0)
}
