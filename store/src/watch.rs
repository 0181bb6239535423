//! Watches: the changes under a prefix, in order, without a gap.

use std::{mem, sync::Arc};

use crate::{
    Change, Compacted, Revision,
    hub::{Hub, Subscription},
    subscription::Queue,
};

/// The changes under a prefix after a revision: first those that have happened, then those to come.
pub struct Watch {
    hub: Arc<Hub>,
    prefix: Box<str>,
    id: u64,
    /// Changes up to this one have been returned, or are not wanted.
    seen: Revision,
    replay: Vec<Arc<Change>>,
    queue: Queue,
}

/// Why a watch has no more changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WatchEnd {
    /// The reader fell behind by more than [`crate::Options::watch_backlog_bytes`] and was cut. It may watch again
    /// after [`Watch::revision`].
    #[error("the watch fell too far behind")]
    Lagged,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

impl Watch {
    /// The changes under a prefix after a revision.
    pub(crate) fn new(hub: &Arc<Hub>, prefix: &str, after: Revision) -> Result<Self, Compacted> {
        let Subscription { id, replay, queue } = hub.subscribe(prefix, after)?;
        Ok(Self {
            hub: Arc::clone(hub),
            prefix: prefix.into(),
            id,
            seen: after,
            replay,
            queue,
        })
    }

    /// Waits for changes, and returns all that have come, at least one. The changes of a commit come together.
    /// Cancel-safe: a dropped call loses nothing.
    ///
    /// # Errors
    /// When there will be no more. What was queued before is returned first.
    pub async fn next(&mut self) -> Result<Vec<Arc<Change>>, WatchEnd> {
        loop {
            let mut changes = mem::take(&mut self.replay);
            if changes.is_empty() {
                changes = self.queue.receive().await.ok_or_else(|| self.end())?;
            }
            // A watch may start after a revision that is yet to come.
            changes.retain(|change| change.revision() > self.seen);
            if let Some(last) = changes.last() {
                self.seen = last.revision();
                return Ok(changes);
            }
        }
    }

    /// Up to where this watch has returned every change under its prefix: what a bookmark may carry. It also grows
    /// while nothing changes under the prefix.
    #[must_use]
    pub fn revision(&self) -> Revision {
        // Read before the queue is looked at: what was delivered by then is in the queue, or the watch was cut.
        let delivered = self.hub.delivered();
        if self.replay.is_empty() && self.queue.is_drained() {
            self.seen.max(delivered)
        } else {
            self.seen
        }
    }

    fn end(&self) -> WatchEnd {
        if self.hub.closed() {
            WatchEnd::Closed
        } else {
            WatchEnd::Lagged
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.hub.unsubscribe(&self.prefix, self.id);
    }
}
