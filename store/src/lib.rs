//! Keys, bytes and revisions: durable before acknowledged, readable without a lock, watchable without a gap.
//!
//! Batches flow in, each guarded by preconditions; one committer makes a group of them durable at once. Out flow
//! immutable snapshots (the table by key, in memory) and watches (the changes after a revision, in order). What is
//! on disk is the log by revision alone: every value is written once, and the table is the log, replayed. With etcd as the
//! engine several stores share one log: each commits there, and shows what its watch tells; a read that must miss nothing asks
//! etcd how far the others are.
//!
//! ```text
//!  commit ─► queue ─► committer ─► Engine (sled: log by revision, flush, fdatasync;
//!    ▲                    │                etcd: a transaction a batch, one watch)
//!    └──── revision ◄─────┼─► Hub: snapshot ─► get, range, count
//!                         │        window   ─► watch replays, old snapshots
//!                         └─────── feeds    ─► one bounded backlog a watch
//! ```

mod batch;
mod change;
mod check;
mod committer;
mod crowd;
mod engine;
mod entry;
mod error;
mod etcd_engine;
mod freshness;
mod hub;
#[cfg(test)]
mod interleavings;
mod key;
mod options;
mod plan;
mod replay;
mod revision;
mod sled_engine;
mod snapshot;
mod store;
mod subscription;
mod value;
mod watch;
mod window;

pub use batch::{Batch, MAX_BATCH_BYTES, MAX_BATCH_OPS, Op, Precondition};
pub use change::Change;
pub use check::CheckReport;
pub use engine::{Bell, Engine, Newest, Position, Record, Verdict};
pub use entry::Entry;
pub use error::{CheckError, Closed, CommitError, Compacted, EngineError, OpenError, ReadError};
pub use etcd_engine::{EtcdEngine, EtcdOptions};
pub use key::{Key, KeyError, MAX_KEY_BYTES};
pub use options::{History, Options};
pub use replay::Inconsistency;
pub use revision::Revision;
pub use sled_engine::{Durability, FORMAT_VERSION, SledEngine, SledOptions};
pub use snapshot::Snapshot;
pub use store::Store;
pub use value::Value;
pub use watch::{Watch, WatchEnd};
