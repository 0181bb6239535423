//! Loads rules by the `nft` program: one transaction a change.

use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::base::{Base, base_table};
use super::rules::Rules;
use super::script::script;
use crate::dataplane::{DataplaneError, Ranges};
use crate::model::Model;

/// Services as maps of nftables.
pub(crate) struct Nftables {
    ranges: Ranges,
    /// What the kernel holds; nothing is known after a failure and at the start.
    applied: Option<Rules>,
}

impl Nftables {
    pub(crate) fn new(ranges: Ranges) -> Self {
        Self {
            ranges,
            applied: None,
        }
    }

    /// Brings the table to `model`.
    pub(crate) async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        let rules = Rules::translating(model);
        let applied = self.applied.take();
        load(Base::Translating, &self.ranges, applied.as_ref(), &rules).await?;
        self.applied = Some(rules);
        Ok(())
    }
}

/// Loads the step from `applied` to `rules`; the whole table if it is not known what the kernel holds.
pub(crate) async fn load(
    base: Base,
    ranges: &Ranges,
    applied: Option<&Rules>,
    rules: &Rules,
) -> Result<(), DataplaneError> {
    let text = match applied {
        Some(applied) => script(applied, rules),
        None => base_table(base, ranges) + &script(&Rules::default(), rules),
    };
    if text.is_empty() {
        Ok(())
    } else {
        nft(&text).await
    }
}

async fn nft(script: &str) -> Result<(), DataplaneError> {
    let mut child = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(DataplaneError::Run)?;
    if let Some(mut input) = child.stdin.take() {
        // nft reads all of its input before it prints, so this cannot block for ever; a broken pipe shows in its status.
        let _ = input.write_all(script.as_bytes()).await;
    }
    let output = child
        .wait_with_output()
        .await
        .map_err(DataplaneError::Run)?;
    if output.status.success() {
        return Ok(());
    }
    Err(DataplaneError::Refused(
        String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    ))
}

#[cfg(test)]
mod tests;
