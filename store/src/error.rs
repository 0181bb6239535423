//! What can go wrong, one type an operation.

use std::{io, path::PathBuf, sync::Arc};

use crate::{Entry, Inconsistency, Key, Revision, batch};

/// Why a batch was not committed. Nothing changed, unless the store closed while the batch was under way, or its outcome is
/// [`CommitError::Unknown`].
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A precondition did not hold.
    #[error("precondition {index} does not hold")]
    Precondition {
        /// Its place in [`crate::Batch::preconditions`].
        index: usize,
        /// What stands under its key.
        current: Option<Entry>,
    },
    /// A key to be deleted is not there.
    #[error("{key} cannot be deleted: it is not there")]
    Absent {
        /// The key.
        key: Key,
    },
    /// The batch has no operation.
    #[error("a batch without operations")]
    Empty,
    /// The batch has more operations or preconditions than [`crate::MAX_BATCH_OPS`].
    #[error(
        "a batch of {ops} operations is over the bound of {}",
        batch::MAX_BATCH_OPS
    )]
    TooManyOps {
        /// How many.
        ops: usize,
    },
    /// The batch is larger than [`crate::MAX_BATCH_BYTES`], or than the engine takes.
    #[error("a batch of {bytes} bytes is over the bound of {bound}")]
    TooLarge {
        /// How large.
        bytes: usize,
        /// How large it may be.
        bound: usize,
    },
    /// Two operations write the same key.
    #[error("a batch writes {key} twice")]
    DuplicateKey {
        /// The key.
        key: Key,
    },
    /// There is no room for it on the disk. Reads go on, and writes will when there is room again.
    #[error("the disk is full")]
    DiskFull,
    /// A key in etcd must be a path.
    #[error("{key} is no path: a slash, and more")]
    NoPath {
        /// The key.
        key: Key,
    },
    /// The engine cannot commit now. Reads go on, and writes will when it can again.
    #[error("the cluster's data cannot be written now: etcd does not answer")]
    Unavailable,
    /// It is not known whether the batch was committed. If it was, or will be, watches tell.
    #[error("etcd did not tell in time whether the batch was committed")]
    Unknown,
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// The store is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store is closed")]
pub struct Closed;

/// Why it is not known whether what a store shows is the newest.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The engine does not tell how far the commits of others are.
    #[error("the cluster's data cannot be read now")]
    Engine {
        /// Why.
        #[source]
        source: Arc<EngineError>,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}

/// The history asked for is not held: it is forgotten, or, for a snapshot, has not happened yet.
/// To a client this is `410 Gone` with reason `Expired`: list again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("revision {requested} is not held: the history goes from {oldest} to {current}")]
pub struct Compacted {
    /// What was asked for.
    pub requested: Revision,
    /// The oldest revision that can be read at and watched after.
    pub oldest: Revision,
    /// The newest revision.
    pub current: Revision,
}

/// Why a store or its engine did not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file system refused.
    #[error("cannot prepare {path}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process has the directory open.
    #[error("{dir} is in use by another process")]
    InUse {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory was written by another version of this program.
    #[error("{dir} has data of format version {found}, but this program reads version {supported}")]
    Version {
        /// The directory.
        dir: PathBuf,
        /// The version found there.
        found: String,
        /// The version this program reads and writes.
        supported: u32,
    },
    /// The directory holds a database of something else.
    #[error("{dir} holds a database that is not a skiff store")]
    Foreign {
        /// The directory.
        dir: PathBuf,
    },
    /// An option of the engine on etcd is wrong.
    #[error("the etcd option `{field}` is wrong: {problem}")]
    Etcd {
        /// Its name.
        field: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The engine failed.
    #[error("the engine did not open")]
    Engine {
        /// Why.
        #[source]
        source: EngineError,
    },
    /// What the engine holds contradicts itself.
    #[error("the stored log is damaged")]
    Damaged {
        /// How.
        #[source]
        source: Inconsistency,
    },
    /// The committer's thread did not start.
    #[error("cannot start the committer's thread")]
    Thread {
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Why an engine cannot go on. What it holds in memory may differ from what is on disk then, so the store stops the process.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The embedded database failed.
    #[error("the embedded database failed to {doing}")]
    Sled {
        /// What it was doing.
        doing: &'static str,
        /// Why.
        #[source]
        source: sled::Error,
    },
    /// Written data could not be forced to the disk.
    #[error("cannot make {path} durable")]
    Sync {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A call of etcd failed.
    #[error("etcd failed to {doing}")]
    Etcd {
        /// What it was to do.
        doing: &'static str,
        /// Why, in its words.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// etcd does not answer.
    #[error("etcd did not {doing} in time")]
    EtcdSilent {
        /// What it was to do.
        doing: &'static str,
    },
    /// etcd has ended the watch.
    #[error("etcd has ended the watch: {reason}")]
    EtcdCancelled {
        /// What it says.
        reason: String,
    },
    /// Changes that this process has not seen are forgotten.
    #[error(
        "etcd's history begins at revision {oldest}, but what came after {known} is not known here"
    )]
    EtcdCompacted {
        /// Up to where everything is known.
        known: Revision,
        /// The oldest revision that etcd holds.
        oldest: Revision,
    },
    /// Nobody watches etcd any more.
    #[error("the task that watches etcd has ended")]
    EtcdUnwatched,
    /// etcd turned a batch down though all that it asks for holds.
    #[error("etcd turned a batch down that it should have committed")]
    EtcdContradiction,
    /// A stored record cannot be read.
    #[error("the record under {key} is damaged: {problem}")]
    Record {
        /// Its key in the engine, escaped.
        key: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// What [`crate::Store::check`] found.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The engine failed.
    #[error("the stored log cannot be read")]
    Engine {
        /// Why.
        #[source]
        source: EngineError,
    },
    /// The stored log contradicts itself.
    #[error("the stored log is damaged")]
    Damaged {
        /// How.
        #[source]
        source: Inconsistency,
    },
    /// What is in memory is not what the stored log says.
    #[error("{what} in memory differs from the stored log")]
    Differs {
        /// What differs.
        what: &'static str,
    },
    /// The store is closed.
    #[error("the store is closed")]
    Closed,
}
