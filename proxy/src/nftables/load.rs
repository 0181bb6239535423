//! Loads rules by a program: one transaction a change.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::own::Own;
use crate::dataplane::DataplaneError;

/// Runs programs that change the kernel's rules, and remembers that they were skiff's own. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Loader {
    own: Own,
}

impl Loader {
    /// Whether skiff started that process.
    pub(crate) fn is_own(&self, process: u32) -> bool {
        self.own.has(process)
    }

    /// Loads a script of nft.
    pub(crate) async fn nft(&self, script: &str) -> Result<(), DataplaneError> {
        self.feed("nft", &["-f", "-"], script).await
    }

    /// Runs a program with an input.
    ///
    /// # Errors
    /// If there is no such program, or if it fails: then with what it said.
    pub(crate) async fn feed(
        &self,
        program: &'static str,
        arguments: &[&str],
        input: &str,
    ) -> Result<(), DataplaneError> {
        let run = |source| DataplaneError::Run { program, source };
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(run)?;
        if let Some(process) = child.id() {
            self.own.add(process);
        }
        if let Some(mut stdin) = child.stdin.take() {
            // It reads all of its input before it prints, so this cannot block for ever; a broken pipe shows in its status.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(run)?;
        if output.status.success() {
            return Ok(());
        }
        Err(DataplaneError::Refused {
            program,
            said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}
