//! The iptables dataplane: chains as users of kube-proxy know them, through the host's iptables programs.
//!
//! ```text
//!   KUBE-SERVICES ─► KUBE-SVC-…: a random share each ─► KUBE-SEP-…: DNAT ─► Pod
//!         └─► KUBE-NODEPORTS ─► KUBE-EXT-… ─► KUBE-SVC-… (all endpoints), KUBE-SVL-… (those of this node)
//! ```

mod chains;
mod restore;
mod rules;
mod service;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use tokio::process::Command;

use crate::dataplane::{Dataplane, DataplaneError, Ranges};
use crate::host;
use crate::model::Model;
use crate::nftables::Loader;
use chains::{chains, drop_invalid};
use restore::{PORTALS, Seen, removal, restore};
use rules::Chains;

/// Services as chains of iptables.
pub(crate) struct Iptables {
    ranges: Ranges,
    loader: Loader,
    /// Whether packets of Pods go no further that belong to no connection.
    drops_invalid: bool,
    /// What the kernel holds; nothing is known after a failure and at the start.
    applied: Option<Chains>,
}

impl Iptables {
    /// # Errors
    /// If the host cannot lead its own connections to Pods.
    pub(crate) fn new(ranges: Ranges, loader: Loader) -> Result<Self, DataplaneError> {
        host::prepare_iptables().map_err(|source| DataplaneError::Kernel {
            what: "settings for iptables".to_owned(),
            source,
        })?;
        Ok(Self {
            ranges,
            loader,
            drops_invalid: host::invalid_is_dropped(),
            applied: None,
        })
    }

    /// What an earlier skiff left in the kernel, to be removed.
    pub(crate) async fn left_over(ranges: &Ranges, loader: Loader) -> Option<Self> {
        let seen = save().await.ok()?;
        seen.contains(PORTALS).then(|| Self {
            ranges: ranges.clone(),
            loader,
            drops_invalid: host::invalid_is_dropped(),
            applied: None,
        })
    }

    async fn load(&self, text: &str) -> Result<(), DataplaneError> {
        let arguments = ["--noflush", "--wait"];
        self.loader.feed("iptables-restore", &arguments, text).await
    }
}

#[async_trait]
impl Dataplane for Iptables {
    fn name(&self) -> &'static str {
        "iptables"
    }

    async fn apply(&mut self, model: &Model) -> Result<(), DataplaneError> {
        let mut wanted = chains(model, &self.ranges);
        if self.drops_invalid {
            drop_invalid(&mut wanted, &self.ranges);
        }
        let text = match self.applied.take() {
            Some(applied) => restore(&applied, &wanted, None),
            None => {
                let seen = Seen::read(&save().await?);
                restore(&Chains::default(), &wanted, Some(&seen))
            }
        };
        if !text.is_empty() {
            self.load(&text).await?;
        }
        self.applied = Some(wanted);
        Ok(())
    }

    fn forget(&mut self) {
        self.applied = None;
    }

    async fn remove(&mut self) -> Result<(), DataplaneError> {
        self.applied = None;
        let seen = Seen::read(&save().await?);
        self.load(&removal(&seen)).await
    }
}

/// Everything in the kernel, as text.
async fn save() -> Result<String, DataplaneError> {
    let program = "iptables-save";
    let output = Command::new(program).output().await;
    let output = output.map_err(|source| DataplaneError::Run { program, source })?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
