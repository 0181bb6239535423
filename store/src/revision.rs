//! Positions in the store's history.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A position in the store's history: every commit takes the next one.
///
/// An empty store stands at [`Revision::FIRST`], so its first commit takes 2, as in etcd: Kubernetes gives the
/// resource version "0" the meaning "any", and a list of an empty cluster must still carry a real one.
/// Revisions only grow; after an unclean stop some are skipped, none is used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Revision(pub u64);

impl Revision {
    /// Before everything.
    pub const ZERO: Self = Self(0);
    /// Where an empty store stands.
    pub const FIRST: Self = Self(1);

    /// The revision that follows.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
