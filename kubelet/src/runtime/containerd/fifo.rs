//! The FIFOs through which the shim of a container passes the streams of a command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};

use crate::runtime::{ExecRequest, RuntimeError};

/// Three FIFOs in a folder of their own, which goes away with this. Those that are not asked for are not made.
#[derive(Debug)]
pub(super) struct Fifos {
    dir: PathBuf,
    pub(super) stdin: Option<PathBuf>,
    pub(super) stdout: Option<PathBuf>,
    pub(super) stderr: Option<PathBuf>,
}

impl Fifos {
    pub(super) fn create(dir: PathBuf, request: &ExecRequest) -> Result<Fifos, RuntimeError> {
        fs::create_dir_all(&dir).map_err(RuntimeError::file(&dir))?;
        let mut fifos = Fifos {
            stdin: None,
            stdout: None,
            stderr: None,
            dir,
        };
        fifos.stdin = fifos.make("stdin", request.stdin)?;
        fifos.stdout = fifos.make("stdout", request.stdout || request.tty)?;
        fifos.stderr = fifos.make("stderr", request.stderr && !request.tty)?;
        Ok(fifos)
    }

    fn make(&self, name: &str, wanted: bool) -> Result<Option<PathBuf>, RuntimeError> {
        if !wanted {
            return Ok(None);
        }
        let path = self.dir.join(name);
        mkfifo(&path, Mode::S_IRUSR | Mode::S_IWUSR)
            .map_err(|errno| RuntimeError::file(&path)(io::Error::from(errno)))?;
        Ok(Some(path))
    }

    /// The end to write input to. It also holds the reading end, so that opening it waits for nobody and what is
    /// written is kept until the shim reads it.
    pub(super) fn open_stdin(&self) -> Result<Option<Sender>, RuntimeError> {
        open(self.stdin.as_deref(), |path| {
            OpenOptions::new().read_write(true).open_sender(path)
        })
    }

    /// The end to read output from. To be opened before the command starts and read from after: until the shim has
    /// opened its end, reading finds the end of the stream.
    pub(super) fn open_stdout(&self) -> Result<Option<Receiver>, RuntimeError> {
        open(self.stdout.as_deref(), |path| {
            OpenOptions::new().open_receiver(path)
        })
    }

    /// Like [`open_stdout`](Fifos::open_stdout).
    pub(super) fn open_stderr(&self) -> Result<Option<Receiver>, RuntimeError> {
        open(self.stderr.as_deref(), |path| {
            OpenOptions::new().open_receiver(path)
        })
    }
}

impl Drop for Fifos {
    fn drop(&mut self) {
        // What is left is swept when skiff starts again.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

fn open<T>(
    path: Option<&Path>,
    open: impl FnOnce(&Path) -> io::Result<T>,
) -> Result<Option<T>, RuntimeError> {
    path.map(|path| open(path).map_err(RuntimeError::file(path)))
        .transpose()
}
