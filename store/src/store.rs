//! The store's handle.

use std::{
    sync::{Arc, mpsc::sync_channel},
    thread::{self, JoinHandle},
};

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::{
    Batch, CheckError, CheckReport, Closed, CommitError, Compacted, Engine, OpenError, Options,
    ReadError, Revision, Snapshot, Watch,
    committer::{Committer, Request, Waiting},
    crowd::Crowd,
    freshness::Freshness,
    hub::Hub,
    replay::replay,
};

/// How much the batches that wait for the committer may weigh together, in KiB. Writers beyond wait their turn.
const QUEUE_KIB: usize = 64 << 10;

/// Keys, bytes and revisions; see the crate's documentation. Cheap to clone.
///
/// Dropping the last handle without [`Store::close`] loses nothing acknowledged, but counts as an unclean stop.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    hub: Arc<Hub>,
    /// None where nobody else commits.
    freshness: Option<Freshness>,
    queue_room: Arc<Semaphore>,
    /// Only `Drop` takes these two.
    requests: Option<mpsc::UnboundedSender<Request>>,
    committer: Option<JoinHandle<()>>,
}

impl Store {
    /// Reads the log of an engine into memory and starts the committer.
    ///
    /// # Errors
    /// When the log cannot be read or contradicts itself.
    pub fn open(mut engine: Box<dyn Engine>, options: Options) -> Result<Self, OpenError> {
        let position = engine.position();
        let records = engine
            .tail(Revision::ZERO)
            .map_err(|source| OpenError::Engine { source })?;
        let (snapshot, mut window) = replay(records, position, options.history)
            .map_err(|source| OpenError::Damaged { source })?;
        let gone = window.trim();
        if !gone.is_empty() {
            engine.compact(window.oldest(), &gone);
        }
        let hub = Arc::new(Hub::new(snapshot, window, options));
        let (requests, receiver) = mpsc::unbounded_channel();
        // The engine is the committer's, which ends when the last handle is gone: the bell must not be one.
        let handle = requests.downgrade();
        engine.hang_bell(Box::new(move || {
            if let Some(requests) = handle.upgrade() {
                // A closed store needs no news.
                let _ = requests.send(Request::Tail);
            }
        }));
        let freshness = engine.newest().map(Freshness::new);
        let committer = Committer {
            engine,
            hub: Arc::clone(&hub),
            requests: receiver,
            crowd: Crowd::default(),
        };
        let committer = thread::Builder::new()
            .name("store-committer".into())
            .spawn(|| committer.run())
            .map_err(|source| OpenError::Thread { source })?;
        Ok(Self {
            shared: Arc::new(Shared {
                hub,
                freshness,
                queue_room: Arc::new(Semaphore::new(QUEUE_KIB)),
                requests: Some(requests),
                committer: Some(committer),
            }),
        })
    }

    /// Commits a batch and returns its revision once it is durable and every reader can see it. When this future
    /// is dropped, the batch may commit all the same.
    ///
    /// # Errors
    /// When a precondition does not hold, the batch breaks its bounds, or the store is closed.
    pub async fn commit(&self, batch: Batch) -> Result<Revision, CommitError> {
        batch.validate()?;
        let kib = (batch.bytes() / 1024 + 1) as u32;
        let room = Arc::clone(&self.shared.queue_room)
            .acquire_many_owned(kib)
            .await
            .map_err(|_| CommitError::Closed)?;
        let (verdict, answer) = oneshot::channel();
        let waiting = Waiting {
            batch,
            verdict,
            room,
        };
        self.send(Request::Commit(waiting))
            .map_err(|Closed| CommitError::Closed)?;
        answer.await.map_err(|_| CommitError::Closed)?
    }

    /// The table as it is now, as far as this store has heard. It does not change any more, blocks nobody, and is cheap to hold.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.shared.hub.snapshot()
    }

    /// The table as it is now, with all that other stores on the same log had committed when this was called. With the embedded
    /// engine it is [`Store::snapshot`] at once; etcd is asked once for all calls that wait at a time. Cancel-safe.
    ///
    /// # Errors
    /// When etcd does not answer in time, or the store is closed.
    pub async fn current(&self) -> Result<Snapshot, ReadError> {
        if let Some(freshness) = &self.shared.freshness {
            freshness.reached(&self.shared.hub).await?;
        }
        Ok(self.snapshot())
    }

    /// The table as it was at a revision, for the next page of a list that began there. It is today's table with the
    /// changes since then taken back, so it costs time in proportion to them, and nothing while nobody asks.
    ///
    /// # Errors
    /// When the revision is not in the held history.
    pub fn snapshot_at(&self, revision: Revision) -> Result<Snapshot, Compacted> {
        self.shared.hub.snapshot_at(revision)
    }

    /// Watches the keys that start with `prefix`, from the first change after a revision. A revision that is yet to
    /// come is waited for.
    ///
    /// # Errors
    /// When changes after that revision are forgotten.
    pub fn watch(&self, prefix: &str, after: Revision) -> Result<Watch, Compacted> {
        Watch::new(&self.shared.hub, prefix, after)
    }

    /// The oldest revision that can be read at and watched after.
    #[must_use]
    pub fn oldest(&self) -> Revision {
        self.shared.hub.oldest()
    }

    /// The newest revision that readers see.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.shared.hub.revision()
    }

    /// Forgets the history before a revision; that revision itself can still be read at and watched after. The
    /// history's bounds do the same by themselves. A revision ahead of the store counts as the newest one.
    ///
    /// # Errors
    /// When the store is closed.
    pub async fn compact(&self, before: Revision) -> Result<(), Closed> {
        let (done, answer) = oneshot::channel();
        self.send(Request::Compact { before, done })?;
        answer.await.map_err(|_| Closed)
    }

    /// Verifies that the stored log keeps its rules and that snapshot and window are what it says. Reads everything
    /// and blocks the calling thread and all commits meanwhile: a tool for tests and diagnosis.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<CheckReport, CheckError> {
        let (done, answer) = sync_channel(1);
        self.send(Request::Check { done })
            .map_err(|Closed| CheckError::Closed)?;
        answer.recv().map_err(|_| CheckError::Closed)?
    }

    /// Commits what waits, marks the data as cleanly closed and ends every watch. Other handles see the store as closed.
    pub async fn close(self) {
        let (done, answer) = oneshot::channel();
        // When the store is closed already, there is nothing to wait for.
        if self.send(Request::Close { done }).is_ok() {
            let _ = answer.await;
        }
    }

    fn send(&self, request: Request) -> Result<(), Closed> {
        let requests = self.shared.requests.as_ref().ok_or(Closed)?;
        requests.send(request).map_err(|_| Closed)
    }
}

impl Drop for Shared {
    /// Waits for the committer, so that the engine is free to be opened again.
    fn drop(&mut self) {
        self.requests.take();
        if let Some(committer) = self.committer.take()
            && committer.join().is_err()
        {
            tracing::error!("the store's committer panicked");
        }
    }
}
