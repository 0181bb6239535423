//! What may be chosen when a store is opened.

/// Choices of a [`crate::Store`]. The defaults suit a cluster of a few thousand Pods.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How much of the past is kept.
    pub history: History,
    /// How many bytes of changes may wait for one watch before it is cut as lagging.
    pub watch_backlog_bytes: usize,
}

/// How much of the past is kept for watches and old snapshots, in memory and on disk.
/// When one bound is passed, the oldest commits are forgotten until both hold.
#[derive(Clone, Copy, Debug)]
pub struct History {
    /// The most changes.
    pub changes: usize,
    /// The most bytes of values that the changes keep alive.
    pub bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            history: History::default(),
            watch_backlog_bytes: 16 << 20,
        }
    }
}

impl Default for History {
    fn default() -> Self {
        Self {
            changes: 10_000,
            bytes: 32 << 20,
        }
    }
}
