//! The FIFOs through which the shim of a container passes the streams of a command.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use tokio::net::unix::pipe::{OpenOptions, Receiver, Sender};
use tokio::time::sleep;

use crate::runtime::{ExecRequest, RuntimeError};

/// Pauses between looks whether the shim has opened its end: from the first, doubling, to the last.
const OPEN_PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));

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

    /// The end to write input to, as soon as the shim has its own end, which it opens in the background while it starts the
    /// command. Input that came and ended before that would be lost, and its end with it: the command would wait for ever.
    /// `None` if there is no such FIFO, or none any more.
    pub(super) async fn open_stdin(&self) -> Option<Sender> {
        let path = self.stdin.as_deref()?;
        let mut pause = OPEN_PAUSE.0;
        loop {
            match OpenOptions::new().open_sender(path) {
                Ok(sender) => return Some(sender),
                // Nobody tells when a FIFO is opened, so it is tried again.
                Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) => {
                    sleep(pause).await;
                }
                Err(_) => return None,
            }
            pause = (pause * 2).min(OPEN_PAUSE.1);
        }
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

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn input_that_ends_before_the_shim_listens_is_kept_with_its_end() {
        let dir = tempfile::tempdir().unwrap();
        let request = ExecRequest {
            stdin: true,
            ..ExecRequest::default()
        };
        let fifos = Fifos::create(dir.path().join("one"), &request).unwrap();
        let feeding = async {
            let mut stdin = fifos.open_stdin().await.unwrap();
            stdin.write_all(b"early").await.unwrap();
        };
        let mut feeding = pin!(feeding);
        assert!(futures::poll!(feeding.as_mut()).is_pending());

        let mut shim = OpenOptions::new()
            .open_receiver(fifos.stdin.as_deref().unwrap())
            .unwrap();
        feeding.await;
        let mut read = String::new();
        shim.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "early");
    }
}
