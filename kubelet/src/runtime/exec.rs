use std::fmt;
use std::pin::Pin;

use futures::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;

use super::RuntimeError;

/// Where a session's input is written. Shutting it down (or dropping it) is the command's end of file.
pub type ByteSink = Pin<Box<dyn AsyncWrite + Send>>;
/// Where a session's output is read; it ends when nobody can write to it any more.
pub type ByteSource = Pin<Box<dyn AsyncRead + Send>>;

/// A command to run in a container, with the streams that are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecRequest {
    /// The program and its arguments; never empty.
    pub argv: Vec<String>,
    /// Runs it on a terminal: standard error then comes out of standard output, which is always connected.
    pub tty: bool,
    /// Connects standard input.
    pub stdin: bool,
    /// Connects standard output.
    pub stdout: bool,
    /// Connects standard error; ignored with `tty`.
    pub stderr: bool,
}

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Columns.
    pub width: u16,
    /// Lines.
    pub height: u16,
}

/// How a command ended: its exit code, 128 and the signal if it was killed.
pub type ExecExit = BoxFuture<'static, Result<i32, RuntimeError>>;

/// A command that runs in a container. Dropping `exit` before it is ready kills the command.
pub struct ExecSession {
    /// Standard input, if asked for.
    pub stdin: Option<ByteSink>,
    /// Standard output, if asked for.
    pub stdout: Option<ByteSource>,
    /// Standard error, if asked for and there is no terminal.
    pub stderr: Option<ByteSource>,
    /// Takes new sizes of the terminal; without one they are ignored.
    pub resize: mpsc::Sender<TerminalSize>,
    /// Ready when the command has ended. Output may still wait in its streams.
    pub exit: ExecExit,
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ExecSession")
            .field("stdin", &self.stdin.is_some())
            .field("stdout", &self.stdout.is_some())
            .field("stderr", &self.stderr.is_some())
            .finish_non_exhaustive()
    }
}

/// What a command that ran to its end left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecOutput {
    /// The exit code; 0 is success.
    pub exit_code: i32,
    /// The first [`ExecOutput::LIMIT_BYTES`] of standard output.
    pub stdout: Vec<u8>,
    /// The first [`ExecOutput::LIMIT_BYTES`] of standard error.
    pub stderr: Vec<u8>,
}

impl ExecOutput {
    /// How much of each stream is kept.
    pub const LIMIT_BYTES: usize = 16 * 1024;
}
