//! A machine of the test: a network namespace with a data directory and a `skiff` of its own.

mod options;

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::artifacts::skiff_binary;
use crate::cache::remove;
use crate::command::{output, typed};
use crate::namespace::{Namespace, in_own_group};
use crate::processes::{end_all, namespace_inode, namespaces_below, running, unmount_below};
use crate::terminal::Terminal;
use crate::wait::eventually;

pub use options::NodeOptions;

/// The line of `skiff up` that scripts wait for.
const READY: &str = "skiff is ready in";
/// The bound on a start with a debug build on a busy machine, image import included.
const READY_WITHIN_S: u64 = 60;
/// The bound on a clean stop.
const STOP_WITHIN_S: u64 = 30;

/// A machine with a `skiff`. It is also a [`Terminal`] on that machine.
#[derive(Debug)]
pub struct Node {
    subcommand: &'static str,
    number: u8,
    name: String,
    address: Ipv4Addr,
    flags: Vec<String>,
    log: PathBuf,
    home: PathBuf,
    data_dir: PathBuf,
    terminal: Terminal,
    process: Option<Child>,
    // After the process: a namespace ends what runs in it.
    namespace: Namespace,
}

impl Node {
    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address on the test's network.
    pub fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// What `--data-dir` was given.
    pub fn data_dir(&self) -> &Path {
        &self.data_dir
    }

    /// The machine's network.
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Puts the data directory, before there is anything in it, on an ext4 disk of its own of so many MiB.
    pub fn keep_data_on_a_disk_of(&self, mib: u32) -> Result<()> {
        fs::create_dir_all(&self.data_dir)?;
        let disk = self.home.join("disk");
        File::create(&disk)?.set_len(u64::from(mib) << 20)?;
        let (disk, dir) = (disk.display(), self.data_dir.display());
        // Without blocks for root alone, who is everyone here.
        output(&mut typed(&format!("mkfs.ext4 -q -F -m 0 {disk}")))?;
        output(&mut typed(&format!("mount -o loop {disk} {dir}")))?;
        Ok(())
    }

    /// Starts `skiff up`, or `skiff agent`, and waits until it says that it is ready.
    pub fn up(&mut self) -> Result<()> {
        ensure!(
            self.process.is_none(),
            "skiff runs already on {}",
            self.name
        );
        let log = File::options().create(true).append(true).open(&self.log)?;
        let said_before = log.metadata()?.len();
        let mut command = self.skiff(self.subcommand);
        in_own_group(&mut command)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let mut process = command.spawn().context("start skiff")?;
        let ready = eventually("skiff to be ready", READY_WITHIN_S, || {
            let said = self.said_since(said_before)?;
            let over = process.try_wait()?;
            Ok(match over {
                Some(status) => Err(format!("skiff ended with {status}:\n{said}")),
                None => {
                    ensure!(said.contains(READY), "it says only:\n{said}");
                    Ok(())
                }
            })
        });
        self.process = Some(process);
        ready?.map_err(anyhow::Error::msg)
    }

    /// Ends every process of the machine at once, undoes its mounts, and empties what is not kept over a reboot.
    pub(crate) fn lose_power(&mut self) -> Result<()> {
        let mut inodes = namespaces_below(&self.home);
        inodes.extend(namespace_inode(&self.namespace.path()));
        end_all(&inodes, Some(&self.home))?;
        if let Some(mut process) = self.process.take() {
            process.wait()?;
        }
        unmount_below(&self.home);
        remove(&self.data_dir.join("containerd/state"))
    }

    /// Its number on the network.
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Starts `skiff`, which must fail, and returns what it complains of.
    pub fn refuses(&self) -> Result<String> {
        let mut command = self.skiff(self.subcommand);
        let output = command.stdin(Stdio::null()).output()?;
        ensure!(!output.status.success(), "skiff started");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs a subcommand of `skiff` with this machine's data directory.
    pub fn skiff_does(&self, subcommand: &str) -> Result<String> {
        let mut words = subcommand.split_whitespace();
        let mut command = self.namespace.command(skiff_binary()?);
        command.arg(words.next().unwrap_or_default());
        command.arg(format!("--data-dir={}", self.data_dir.display()));
        output(command.args(words))
    }

    /// Kills skiff, and skiff alone, with SIGKILL: containers and containerd run on.
    pub fn kill9(&mut self) -> Result<()> {
        self.end_with(Signal::SIGKILL)?;
        Ok(())
    }

    /// Kills with SIGKILL the one process of this program that works for the machine's data directory.
    pub fn kill9_of(&self, program: &str) -> Result<()> {
        self.signal(program, Signal::SIGKILL)
    }

    /// Has the one process of this program that works for the machine's data directory stand still.
    pub fn freeze(&self, program: &str) -> Result<()> {
        self.signal(program, Signal::SIGSTOP)
    }

    /// Has it go on.
    pub fn thaw(&self, program: &str) -> Result<()> {
        self.signal(program, Signal::SIGCONT)
    }

    fn signal(&self, program: &str, signal: Signal) -> Result<()> {
        let all = running(program, &self.data_dir);
        let [one] = all[..] else {
            bail!("{} processes of {program} on {}", all.len(), self.name);
        };
        kill(one, signal).with_context(|| format!("send {signal} to {program}"))
    }

    /// Stops skiff with SIGTERM and returns how it ended; containers run on.
    pub fn stop(&mut self) -> Result<ExitStatus> {
        self.end_with(Signal::SIGTERM)
    }

    /// Waits until skiff, which something else told to stop, has ended.
    pub fn stopped(&mut self) -> Result<ExitStatus> {
        let mut process = self.process.take().context("skiff does not run")?;
        let ended = eventually("skiff to end", STOP_WITHIN_S, || {
            process.try_wait()?.context("it runs on")
        });
        if ended.is_err() {
            process.kill()?;
            process.wait()?;
        }
        ended
    }

    /// Stops skiff cleanly and starts it again.
    pub fn restart(&mut self) -> Result<()> {
        let status = self.stop()?;
        ensure!(status.success(), "skiff ended with {status}");
        self.up()
    }

    /// Everything skiff printed so far, over all its starts.
    pub fn log(&self) -> Result<String> {
        self.said_since(0)
    }

    fn skiff(&self, subcommand: &str) -> Command {
        let mut command = self.namespace.command("skiff");
        command.env("PATH", self.terminal.path());
        command.arg(subcommand).args(&self.flags);
        command
    }

    fn said_since(&self, offset: u64) -> Result<String> {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let new = bytes.get(usize::try_from(offset)?..).unwrap_or_default();
        Ok(String::from_utf8_lossy(new).into_owned())
    }

    fn end_with(&mut self, signal: Signal) -> Result<ExitStatus> {
        let process = self.process.as_ref().context("skiff does not run")?;
        kill(Pid::from_raw(i32::try_from(process.id())?), signal)?;
        self.stopped()
    }

    fn tear_down(&mut self) -> Result<()> {
        if self.process.is_some() {
            self.stop()?;
        }
        if self.data_dir.exists() {
            self.skiff_does("down")?;
        }
        Ok(())
    }
}

impl Deref for Node {
    type Target = Terminal;

    fn deref(&self) -> &Terminal {
        &self.terminal
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Err(error) = self.tear_down() {
            eprintln!("{} did not go down cleanly: {error:#}", self.name);
        }
        // What `skiff down` left, if it failed.
        if let Err(error) = end_all(&namespaces_below(&self.home), Some(&self.home)) {
            eprintln!("{}: {error:#}", self.name);
        }
        unmount_below(&self.home);
        if let Err(error) = remove(&self.home) {
            eprintln!("{}: {error:#}", self.name);
        }
    }
}
