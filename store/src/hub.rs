//! The hub: what readers see. The committer publishes here; snapshots and watches are taken from here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use parking_lot::{Mutex, RwLock};
use tokio::sync::Notify;

use crate::{
    Change, Compacted, Options, Revision, Snapshot,
    subscription::{Delivery, Queue, Subscriber, subscription},
    window::Window,
};

/// What readers see of the store.
pub(crate) struct Hub {
    /// Apart from the feeds, so that a read never waits for a delivery. Replaced only while `feeds` is locked.
    snapshot: RwLock<Snapshot>,
    feeds: Mutex<Feeds>,
    /// Every change up to this revision has been handed to every watch.
    delivered: AtomicU64,
    closed: AtomicBool,
    /// Wakes who waits for a revision.
    moved: Notify,
    backlog_bytes: usize,
}

struct Feeds {
    window: Window,
    /// Watches by prefix, then by their number.
    by_prefix: BTreeMap<Box<str>, BTreeMap<u64, Subscriber>>,
    next_id: u64,
}

/// What a watch gets of the hub.
pub(crate) struct Subscription {
    /// By which it is ended.
    pub(crate) id: u64,
    /// The changes that have happened.
    pub(crate) replay: Vec<Arc<Change>>,
    /// Where those to come are queued.
    pub(crate) queue: Queue,
}

impl Hub {
    pub(crate) fn new(snapshot: Snapshot, window: Window, options: Options) -> Self {
        Self {
            delivered: AtomicU64::new(snapshot.revision.0),
            snapshot: RwLock::new(snapshot),
            feeds: Mutex::new(Feeds {
                window,
                by_prefix: BTreeMap::new(),
                next_id: 0,
            }),
            closed: AtomicBool::new(false),
            moved: Notify::new(),
            backlog_bytes: options.watch_backlog_bytes,
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.snapshot.read().clone()
    }

    pub(crate) fn revision(&self) -> Revision {
        self.snapshot.read().revision
    }

    /// Returns when a revision is shown; `false` if the store is closed before. Cancel-safe.
    pub(crate) async fn reaches(&self, revision: Revision) -> bool {
        loop {
            // It hears of all that happens from here on.
            let moved = self.moved.notified();
            if self.revision() >= revision {
                return true;
            }
            if self.closed() {
                return false;
            }
            moved.await;
        }
    }

    pub(crate) fn oldest(&self) -> Revision {
        self.feeds.lock().window.oldest()
    }

    /// Every change up to this revision is in the queue of every watch that has not been cut.
    pub(crate) fn delivered(&self) -> Revision {
        Revision(self.delivered.load(Ordering::Acquire))
    }

    /// The table as it was: today's, with the changes since then taken back.
    pub(crate) fn snapshot_at(&self, revision: Revision) -> Result<Snapshot, Compacted> {
        let (mut snapshot, since) = {
            let feeds = self.feeds.lock();
            let snapshot = self.snapshot();
            let held = feeds.window.oldest()..=snapshot.revision;
            if !held.contains(&revision) {
                return Err(feeds.compacted(revision, snapshot.revision));
            }
            let since: Vec<_> = feeds.window.after(revision).cloned().collect();
            (snapshot, since)
        };
        for change in since.iter().rev() {
            snapshot.undo(change);
        }
        snapshot.revision = revision;
        Ok(snapshot)
    }

    /// Subscribes and takes the replay in one step, so that no change is missed or seen twice.
    pub(crate) fn subscribe(
        &self,
        prefix: &str,
        after: Revision,
    ) -> Result<Subscription, Compacted> {
        let mut feeds = self.feeds.lock();
        if after < feeds.window.oldest() {
            return Err(feeds.compacted(after, self.revision()));
        }
        let matching = |change: &&Arc<Change>| change.key().starts_with(prefix);
        let replay = feeds
            .window
            .after(after)
            .filter(matching)
            .cloned()
            .collect();
        let id = feeds.next_id;
        feeds.next_id += 1;
        let (subscriber, queue) = subscription();
        // A closed hub keeps no subscriber: the watch ends after its replay.
        if !self.closed() {
            let feed = feeds.by_prefix.entry(prefix.into()).or_default();
            feed.insert(id, subscriber);
        }
        Ok(Subscription { id, replay, queue })
    }

    /// Ends a subscription; nothing happens when it has been cut already.
    pub(crate) fn unsubscribe(&self, prefix: &str, id: u64) {
        let mut feeds = self.feeds.lock();
        if let Some(feed) = feeds.by_prefix.get_mut(prefix) {
            feed.remove(&id);
            if feed.is_empty() {
                feeds.by_prefix.remove(prefix);
            }
        }
    }

    /// Shows a new snapshot and the changes that led to it, and returns the changes that left the window.
    pub(crate) fn publish(&self, snapshot: Snapshot, changes: &[Arc<Change>]) -> Vec<Arc<Change>> {
        let mut feeds = self.feeds.lock();
        let revision = snapshot.revision;
        // First the snapshot: who sees a change and reads finds at least that change.
        *self.snapshot.write() = snapshot;
        self.moved.notify_waiters();
        for change in changes {
            feeds.window.push(Arc::clone(change));
        }
        feeds.deliver(changes, self.backlog_bytes);
        self.delivered.store(revision.0, Ordering::Release);
        feeds.window.trim()
    }

    /// Forgets the changes up to a revision and returns them.
    pub(crate) fn forget(&self, up_to: Revision) -> Vec<Arc<Change>> {
        self.feeds.lock().window.forget(up_to)
    }

    /// Ends every watch once it has read what is queued.
    pub(crate) fn close(&self) {
        let mut feeds = self.feeds.lock();
        self.closed.store(true, Ordering::Release);
        self.moved.notify_waiters();
        feeds.by_prefix.clear();
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Runs a check on what readers see, while nothing can be published.
    pub(crate) fn inspect<T>(&self, check: impl FnOnce(&Snapshot, &Window) -> T) -> T {
        let feeds = self.feeds.lock();
        check(&self.snapshot.read(), &feeds.window)
    }
}

impl Feeds {
    /// Hands each watch the changes under its prefix, and cuts those that have fallen too far behind.
    fn deliver(&mut self, changes: &[Arc<Change>], backlog_bytes: usize) {
        self.by_prefix.retain(|prefix, feed| {
            let matching = |change: &&Arc<Change>| change.key().starts_with(&**prefix);
            let matches: Vec<_> = changes.iter().filter(matching).cloned().collect();
            if let Some(delivery) = Delivery::new(matches) {
                feed.retain(|_, subscriber| subscriber.push(&delivery, backlog_bytes));
            }
            !feed.is_empty()
        });
    }

    fn compacted(&self, requested: Revision, current: Revision) -> Compacted {
        Compacted {
            requested,
            oldest: self.window.oldest(),
            current,
        }
    }
}
