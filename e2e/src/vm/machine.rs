//! One QEMU process: boots, prints lines on its console, ends by itself or loses power.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use super::disk::PowerCutDisk;
use super::nbd;
use super::parts::{Kernel, Qemu};
use crate::namespace::Namespace;

/// Where in a machine's folder its disk is served.
const DISK_SOCKET: &str = "disk";

/// What a machine is made of.
#[derive(Debug, Default)]
pub struct Setup<'a> {
    /// Its first file system, see [`super::Initrd`].
    pub initrd: Vec<u8>,
    /// Words for the kernel's command line: `name=value` is in the environment of `/init`.
    pub arguments: String,
    /// Its memory.
    pub memory_mib: u32,
    /// A disk that can lose power, as the first of `/dev/vd*`.
    pub disk: Option<Arc<Mutex<PowerCutDisk>>>,
    /// Files as further disks. What the guest writes to them is not kept.
    pub files: Vec<PathBuf>,
    /// A network interface: the tap with this name in a namespace.
    pub tap: Option<(&'a Namespace, String)>,
}

/// A running machine. Dropping it cuts its power.
#[derive(Debug)]
pub struct Machine {
    process: Child,
    console: Receiver<String>,
    said: Vec<String>,
    threads: Vec<JoinHandle<()>>,
    dir: tempfile::TempDir,
}

impl Machine {
    /// Switches a machine on.
    pub fn boot(setup: Setup<'_>) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let initrd = dir.path().join("initrd");
        fs::write(&initrd, &setup.initrd)?;
        let mut command = emulator(&setup, &initrd)?;
        let mut threads = Vec::new();
        if let Some(disk) = &setup.disk {
            let socket = dir.path().join(DISK_SOCKET);
            threads.push(serve_disk(disk.clone(), &socket)?);
            add_drive(
                &mut command,
                &format!(
                    "driver=nbd,server.type=unix,server.path={}",
                    socket.display()
                ),
            );
        }
        for file in &setup.files {
            add_drive(
                &mut command,
                &format!("format=raw,snapshot=on,file={}", file.display()),
            );
        }
        if let Some((_, tap)) = &setup.tap {
            let netdev = format!("tap,id=net,ifname={tap},script=no,downscript=no");
            // Machines on one bridge must not all have the emulator's usual address.
            let number: u8 = tap.trim_start_matches("tap").parse()?;
            let device = format!("virtio-net-pci,netdev=net,mac=52:54:00:00:00:{number:02x}");
            command.args(["-netdev", &netdev, "-device", &device]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut process = command.spawn().context("start the emulator")?;
        let output = process.stdout.take().context("the console is a pipe")?;
        let (lines, console) = channel();
        threads.push(thread::spawn(move || {
            let mut output = BufReader::new(output);
            let mut line = Vec::new();
            while output
                .read_until(b'\n', &mut line)
                .is_ok_and(|read| read > 0)
            {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                line.clear();
                if lines.send(text).is_err() {
                    break;
                }
            }
        }));
        Ok(Self {
            process,
            console,
            said: Vec::new(),
            threads,
            dir,
        })
    }

    /// The next line on the console, within `within`; `None` after the machine went off.
    pub fn next_line(&mut self, within: Duration) -> Result<Option<String>> {
        match self.console.recv_timeout(within) {
            Ok(line) => {
                self.said.push(line.clone());
                Ok(Some(line))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err(anyhow!(
                "the machine said nothing for {within:?} after:\n{}",
                self.last_words()
            )),
        }
    }

    /// Waits for a line that starts with `prefix`, and returns the rest of it.
    pub fn line_after(&mut self, prefix: &str, within: Duration) -> Result<String> {
        let deadline = Instant::now() + within;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.next_line(left)? {
                None => bail!(
                    "the machine went off before `{prefix}`:\n{}",
                    self.last_words()
                ),
                Some(line) => {
                    if let Some(rest) = line.strip_prefix(prefix) {
                        return Ok(rest.trim().to_owned());
                    }
                }
            }
        }
    }

    /// Cuts the power, and returns the lines that were still on their way. The caller cuts the
    /// power of the disk too, which by then has no request left.
    pub fn cut_power(mut self) -> Result<Vec<String>> {
        self.switch_off()?;
        Ok(self.console.try_iter().collect())
    }

    /// The last lines on the console, for an error's text.
    pub fn last_words(&self) -> String {
        self.said[self.said.len().saturating_sub(30)..].join("\n")
    }

    fn switch_off(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        // An emulator that failed to start never called: the disk must not wait for it forever.
        drop(UnixStream::connect(self.dir.path().join(DISK_SOCKET)));
        for thread in self.threads.drain(..) {
            thread
                .join()
                .map_err(|_| anyhow!("a helper of the machine panicked"))?;
        }
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.switch_off();
    }
}

fn emulator(setup: &Setup<'_>, initrd: &Path) -> Result<Command> {
    let kernel = Kernel::find()?;
    let mut command = match &setup.tap {
        Some((namespace, _)) => namespace.command("env"),
        None => Command::new("env"),
    };
    Qemu::find()?.add_to(&mut command);
    let memory = setup.memory_mib.to_string();
    // On a busy host an emulated timer may be late for the kernel's check of it, and the kernel gives up at boot.
    let kernel_line = format!(
        "console=ttyS0 quiet panic=-1 reboot=t no_timer_check {}",
        setup.arguments
    );
    // One emulated core was faster than two.
    command.args([
        "-M",
        "q35",
        "-accel",
        "tcg,thread=multi",
        "-cpu",
        "max",
        "-smp",
        "1",
    ]);
    command.args([
        "-m",
        &memory,
        "-no-reboot",
        "-display",
        "none",
        "-nodefaults",
    ]);
    // The kernel and early errors come over the slow serial port, what programs print over virtio.
    command.args([
        "-chardev",
        "stdio,id=out,mux=on,signal=off",
        "-serial",
        "chardev:out",
    ]);
    command.args([
        "-device",
        "virtio-serial",
        "-device",
        "virtconsole,chardev=out",
    ]);
    command.arg("-kernel").arg(&kernel.image);
    command.arg("-initrd").arg(initrd);
    command.args(["-append", &kernel_line]);
    Ok(command)
}

fn add_drive(command: &mut Command, drive: &str) {
    command.args(["-drive", &format!("{drive},if=virtio")]);
}

fn serve_disk(disk: Arc<Mutex<PowerCutDisk>>, socket: &Path) -> Result<JoinHandle<()>> {
    let listener = UnixListener::bind(socket)?;
    Ok(thread::spawn(move || {
        let served = listener
            .accept()
            .map_err(anyhow::Error::from)
            .and_then(|(stream, _)| nbd::serve(stream, &disk));
        if let Err(error) = served {
            eprintln!("the disk of a virtual machine failed: {error:#}");
        }
    }))
}
