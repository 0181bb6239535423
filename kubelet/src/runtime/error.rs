use std::error::Error;
use std::io;
use std::path::PathBuf;

use tonic::{Code, Status};

/// Why the runtime did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The runtime answered with an error. `message` is the runtime's own, as users see it in events.
    #[error("{message}")]
    Rpc {
        /// The call: `RunPodSandbox`.
        call: &'static str,
        /// gRPC's status code.
        code: Code,
        /// What the runtime says.
        message: String,
    },
    /// The runtime answered without a field that the protocol promises.
    #[error("{call}: the runtime's answer lacks {field}")]
    Incomplete {
        /// The call: `PodSandboxStatus`.
        call: &'static str,
        /// The missing field.
        field: &'static str,
    },
    /// The image archive cannot be read as one.
    #[error("image archive {}: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of the kubelet's own failed: a FIFO, an archive.
    #[error("{}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
}

impl RuntimeError {
    /// The object asked for is not there (any more).
    pub fn is_not_found(&self) -> bool {
        self.code() == Some(Code::NotFound)
    }

    /// The runtime could not be reached: it is down or starting. Worth a retry.
    pub fn is_unavailable(&self) -> bool {
        self.code() == Some(Code::Unavailable)
    }

    /// The time limit of the call ran out.
    pub fn is_timeout(&self) -> bool {
        self.code() == Some(Code::DeadlineExceeded)
    }

    fn code(&self) -> Option<Code> {
        match self {
            RuntimeError::Rpc { code, .. } => Some(*code),
            _ => None,
        }
    }

    pub(crate) fn rpc(call: &'static str) -> impl FnOnce(Status) -> RuntimeError {
        move |status| RuntimeError::Rpc {
            call,
            code: code_of(&status),
            message: message_of(&status),
        }
    }

    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> RuntimeError {
        let path = path.into();
        move |source| RuntimeError::File { path, source }
    }
}

/// What containerd's CRI says while it looks through what runs, with no code of its own.
const NOT_INITIALISED: &str = "server is not initialized yet";

/// A status with a source was made here, not by the runtime: the connection failed or our own time limit ran out.
fn code_of(status: &Status) -> Code {
    match status.source() {
        None if status.message() == NOT_INITIALISED => Code::Unavailable,
        None => status.code(),
        Some(_) if timed_out(status) => Code::DeadlineExceeded,
        Some(_) => Code::Unavailable,
    }
}

fn message_of(status: &Status) -> String {
    match status.source() {
        None => status.message().to_owned(),
        Some(_) if timed_out(status) => "the container runtime did not answer in time".to_owned(),
        Some(_) => "the container runtime is not reachable".to_owned(),
    }
}

/// tonic reports a time limit of its own making as `Cancelled` (`tonic::Status::from_error`).
fn timed_out(status: &Status) -> bool {
    status.code() == Code::Cancelled && status.message() == "Timeout expired"
}
