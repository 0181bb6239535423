//! The engine: what makes batches durable and gives them their revisions.

use std::sync::Arc;

use futures::future::BoxFuture;

use crate::{Batch, Change, CommitError, EngineError, Entry, Key, Revision, Snapshot};

/// What became of one batch: the revision it took, or why it was turned down.
pub type Verdict = Result<Revision, CommitError>;

/// Tells the committer that [`Engine::tail`] has news.
pub type Bell = Box<dyn Fn() + Send + Sync>;

/// Asks for the newest revision that anyone had committed when it was called. [`Engine::tail`] comes to it, if it has not.
pub type Newest = Box<dyn Fn() -> BoxFuture<'static, Result<Revision, EngineError>> + Send + Sync>;

/// One record of the log: what a commit left under one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// The key was written.
    Put(Entry),
    /// The key was deleted.
    Delete {
        /// The key.
        key: Key,
        /// The revision of the deletion.
        revision: Revision,
    },
}

impl Record {
    /// The revision of the commit.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put(entry) => entry.revision,
            Self::Delete { revision, .. } => *revision,
        }
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Key {
        match self {
            Self::Put(entry) => &entry.key,
            Self::Delete { key, .. } => key,
        }
    }
}

/// From where to where an engine's history goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Every change after this revision is in the log.
    pub oldest: Revision,
    /// The newest revision taken.
    pub revision: Revision,
}

/// Durable storage below snapshots and watches. It is driven by one thread, the committer.
///
/// It is so low that two kinds fit: an embedded database, for which the store's own table is the truth to check
/// preconditions against, and a distributed one, which checks them itself, assigns the revisions, and whose log
/// also has the commits of others. Any error means that the engine cannot go on; what only keeps it from committing now is
/// the verdict of the batches concerned.
pub trait Engine: Send {
    /// From where to where the history goes.
    fn position(&self) -> Position;

    /// Commits each batch whose preconditions hold and returns one verdict a batch; where one writes a key, those that touch it
    /// commit in order. `table` is what [`Engine::tail`] has told so far. Nothing may be published before [`Engine::barrier`] has
    /// returned.
    ///
    /// # Errors
    /// When it is not known what was committed, and will not be before the next start.
    fn commit(&mut self, table: &Snapshot, group: &[Batch]) -> Result<Vec<Verdict>, EngineError>;

    /// Returns when every commit made before, by anyone, is durable and in [`Engine::tail`].
    ///
    /// # Errors
    /// When that cannot be promised.
    fn barrier(&mut self) -> Result<(), EngineError>;

    /// The log after a revision, ordered by revision, then by key. From [`Revision::ZERO`] it is all that is held:
    /// the live records, those that a change after [`Position::oldest`] replaced, and every deletion after it.
    ///
    /// # Errors
    /// When the log cannot be read.
    fn tail(&mut self, after: Revision) -> Result<Vec<Record>, EngineError>;

    /// Forgets what only the changes up to `oldest` needed. `gone` are those changes since the last call. May be
    /// put off until the next commit: it needs no disk write of its own.
    fn compact(&mut self, oldest: Revision, gone: &[Arc<Change>]);

    /// Takes a bell that is to be rung when others have committed: [`Engine::tail`] is called then. Who knows of no others
    /// needs none.
    fn hang_bell(&mut self, _bell: Bell) {}

    /// How to learn how far the commits of others are; none from an engine that knows of no others.
    fn newest(&self) -> Option<Newest> {
        None
    }

    /// Marks the data as cleanly closed.
    ///
    /// # Errors
    /// When the mark is not durable; what was committed is, all the same.
    fn close(self: Box<Self>) -> Result<(), EngineError>;
}
