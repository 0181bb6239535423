//! Changes: what a commit did to one key.

use crate::{Entry, Key, Revision};

/// What a change weighs beside its bytes: itself, its place in queues, the nodes it keeps alive.
const OVERHEAD_BYTES: usize = 256;

/// What a commit did to one key. Shared by the window and all watches behind an `Arc`; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key was made or written again.
    Put {
        /// What stands there now.
        entry: Entry,
        /// What stood there before; `None` when the key was made.
        previous: Option<Entry>,
    },
    /// The key was deleted.
    Delete {
        /// What stood there before.
        previous: Entry,
        /// The revision of the deletion.
        revision: Revision,
    },
}

impl Change {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put { entry, .. } => &entry.key,
            Self::Delete { previous, .. } => &previous.key,
        }
    }

    /// The revision of the commit.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put { entry, .. } => entry.revision,
            Self::Delete { revision, .. } => *revision,
        }
    }

    /// What stood under the key before.
    #[must_use]
    pub fn previous(&self) -> Option<&Entry> {
        match self {
            Self::Put { previous, .. } => previous.as_ref(),
            Self::Delete { previous, .. } => Some(previous),
        }
    }

    /// About how much memory the change keeps alive.
    pub(crate) fn weight_bytes(&self) -> usize {
        let entry = match self {
            Self::Put { entry, .. } => entry.value.len(),
            Self::Delete { .. } => 0,
        };
        let previous = self.previous().map_or(0, |previous| previous.value.len());
        OVERHEAD_BYTES + self.key().len() + entry + previous
    }
}
