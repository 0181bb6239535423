//! Programs run to their end, with an error that says what was typed and what came back.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs `command` and returns its standard output; a failure carries both outputs.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("start {command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// `Command::new` with arguments split at white space: for fixed command lines without quotes.
pub(crate) fn typed(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}
