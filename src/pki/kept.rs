//! A certificate that the cluster signs for itself, from its file to the connections that show it.

use std::sync::Arc;
use std::time::SystemTime;

use super::Shown;
use super::authority::{Authority, Leaf};
use super::files::Files;

/// A certificate of the cluster's own, and who signs it anew.
pub(super) struct Kept {
    leaf: Leaf,
    authority: Arc<Authority>,
    shown: Arc<Shown>,
}

impl Kept {
    /// Reads it, or has it signed; shown with further certificates beside it (PEM, or empty).
    pub(super) fn ensure(
        files: &Files,
        authority: &Arc<Authority>,
        leaf: Leaf,
        beside: &str,
    ) -> anyhow::Result<Self> {
        let shown = Shown::new(authority.ensure_leaf(files, &leaf)?, beside)?;
        Ok(Self {
            leaf,
            authority: Arc::clone(authority),
            shown: Arc::new(shown),
        })
    }

    pub(super) fn shown(&self) -> Arc<Shown> {
        Arc::clone(&self.shown)
    }

    /// From when on it is to be replaced.
    pub(super) fn due(&self) -> SystemTime {
        self.leaf.due(&self.shown.identity().cert_pem)
    }

    /// Has it signed anew if it is due.
    pub(super) fn renew(&self, files: &Files) -> anyhow::Result<()> {
        let identity = self.authority.ensure_leaf(files, &self.leaf)?;
        match identity == self.shown.identity() {
            true => Ok(()),
            false => self.shown.replace(identity),
        }
    }
}
