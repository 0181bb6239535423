use std::io;
use std::path::PathBuf;

use crate::runtime::RuntimeError;

/// Why containerd could not be started.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// A program that skiff needs is not installed.
    #[error("{what} is not installed: `apt-get install {packages}` on Debian and Ubuntu")]
    Missing {
        /// What was looked for.
        what: String,
        /// Debian's packages that have it.
        packages: &'static str,
    },
    /// The data directory's path is too long for a socket to be made in it.
    #[error("{} is too long for a socket: use a shorter data directory", .0.display())]
    LongPath(PathBuf),
    /// A file or folder of containerd's could not be made or read.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// The program could not be started or signalled.
    #[error("run {}", program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// containerd ended while it was starting.
    #[error("containerd ended while it was starting; the end of its log:\n{log}")]
    Died {
        /// The last lines of its log.
        log: String,
    },
    /// containerd did not answer in time.
    #[error("containerd does not answer; the end of its log:\n{log}")]
    NotReady {
        /// The last lines of its log.
        log: String,
    },
    /// The pause image could not be put in place.
    #[error("import the pause image")]
    Pause(#[source] RuntimeError),
}

impl ProcessError {
    pub(super) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ProcessError {
        let path = path.into();
        move |source| ProcessError::File { path, source }
    }
}
