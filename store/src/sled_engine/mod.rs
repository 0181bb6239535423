//! The embedded engine: one sled tree with the log by revision, made durable by our own fdatasync.

mod directory;
mod layout;
mod reserve;
mod state;

use std::{path::Path, sync::Arc};

use crate::{
    Batch, Change, CommitError, Engine, EngineError, OpenError, Position, Record, Revision,
    Snapshot, Verdict, committer::MAX_GROUP_BATCHES, plan::Plan,
};
use directory::Directory;
use layout::{Assembler, LOG, log_key_after, record_chunks, removed_keys};
pub use state::FORMAT_VERSION;
use state::State;

/// An unclean stop skips this many revisions: as many as one group could have taken that was on its way to the disk.
const UNCLEAN_SKIP: u64 = MAX_GROUP_BATCHES as u64;
/// So many rows, of [`layout::CHUNK_BYTES`] at most, wait for their removal: a batch costs sled two writes of its own.
const REMOVED_TOGETHER: usize = 1024;
/// Large, so that every page fits: sled moves what is over a quarter of a segment into a file that it never syncs.
const SEGMENT_BYTES: usize = 2 << 20;

/// Choices of a [`SledEngine`].
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// How much memory sled may use for its pages, in bytes. Reads do not go there, so little is enough.
    pub cache_bytes: u64,
    /// Whether a commit waits for the disk.
    pub durability: Durability,
}

/// Whether a commit waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// An acknowledged commit survives a power cut.
    Synced,
    /// An acknowledged commit survives a crash of the process, but not a power cut. Only there to prove that a test
    /// that cuts the power would notice.
    Unsynced,
}

impl Default for SledOptions {
    fn default() -> Self {
        Self {
            cache_bytes: 16 << 20,
            durability: Durability::Synced,
        }
    }
}

/// The embedded engine: a directory of its own with a sled database.
pub struct SledEngine {
    // Before the directory: it must be gone when the directory's lock is given up.
    db: sled::Db,
    directory: Directory,
    options: SledOptions,
    position: Position,
    /// Records committed after `fresh_after`, until they are asked for.
    fresh: Vec<Record>,
    fresh_after: Revision,
    /// What compaction has yet to remove.
    removals: Vec<Vec<u8>>,
    /// Whether the history's start has moved since it was written down.
    compacted: bool,
    /// Whether something was applied since the last barrier.
    dirty: bool,
}

impl SledEngine {
    /// Opens the data directory, which is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be written, is in use, or holds data of another version or of something else.
    pub fn open(dir: &Path, options: SledOptions) -> Result<Self, OpenError> {
        let directory = Directory::prepare(dir)?;
        let db = open_db(dir, options).map_err(engine)?;
        directory.sync_all()?;
        let state = State::load(&db, dir)?;
        let mut this = Self {
            position: state.position,
            fresh: Vec::new(),
            fresh_after: state.position.revision,
            removals: Vec::new(),
            compacted: false,
            dirty: false,
            db,
            directory,
            options,
        };
        this.start(state.clean).map_err(engine)?;
        Ok(this)
    }

    /// Finds the first free revision and marks the data as open.
    fn start(&mut self, clean: bool) -> Result<(), EngineError> {
        let newest = self.newest_in_log()?;
        let skip = if clean { 0 } else { UNCLEAN_SKIP };
        let known = self.position.revision.max(newest);
        self.position.revision = Revision(known.0 + skip);
        self.fresh_after = self.position.revision;
        self.mark(false)
    }

    fn newest_in_log(&self) -> Result<Revision, EngineError> {
        match self.db.scan_prefix(LOG).next_back() {
            None => Ok(Revision::ZERO),
            Some(row) => {
                let (key, _) = row.map_err(sled_error("read the newest record"))?;
                layout::revision_of(&key)
            }
        }
    }

    /// Writes down where the history stands and whether it is cleanly closed, durably.
    fn mark(&mut self, clean: bool) -> Result<(), EngineError> {
        let mut batch = sled::Batch::default();
        self.write_state(self.position.revision, clean, &mut batch);
        self.apply(batch)?;
        self.barrier()
    }

    /// Adds what compaction removes, and where that leaves the history, to what is written.
    fn write_state(&mut self, revision: Revision, clean: bool, batch: &mut sled::Batch) {
        for key in self.removals.drain(..) {
            batch.remove(key);
        }
        self.compacted = false;
        let oldest = self.position.oldest;
        let position = Position { oldest, revision };
        State { position, clean }.write(batch);
    }

    /// Writes the rows of so many commits.
    ///
    /// After a crash sled has what it was given up to some point, and nothing behind it. So commits of one row each go
    /// in one by one; only what is of several rows needs a batch, which is there whole or not at all.
    fn write(
        &mut self,
        rows: Vec<(Vec<u8>, Vec<u8>)>,
        commits: usize,
        revision: Revision,
    ) -> Result<(), EngineError> {
        if rows.len() > commits || self.removals.len() >= REMOVED_TOGETHER {
            let mut batch = sled::Batch::default();
            for (key, chunk) in rows {
                batch.insert(key, chunk);
            }
            self.write_state(revision, false, &mut batch);
            return self.apply(batch);
        }
        self.dirty = true;
        for (key, chunk) in rows {
            let inserted = self.db.insert(key, chunk);
            inserted.map_err(sled_error("insert a row"))?;
        }
        Ok(())
    }

    fn apply(&mut self, batch: sled::Batch) -> Result<(), EngineError> {
        self.dirty = true;
        let applied = self.db.apply_batch(batch);
        applied.map_err(sled_error("apply a batch"))
    }
}

impl Engine for SledEngine {
    fn position(&self) -> Position {
        self.position
    }

    fn commit(&mut self, table: &Snapshot, group: &[Batch]) -> Result<Vec<Verdict>, EngineError> {
        let bytes = group.iter().map(Batch::bytes).sum();
        if !self.directory.has_room(bytes) {
            let refused = group.iter().map(|_| Err(CommitError::DiskFull));
            return Ok(refused.collect());
        }
        let mut plan = Plan::new(table, self.position.revision);
        let verdicts: Vec<Verdict> = group.iter().map(|batch| plan.stage(batch)).collect();
        let records = plan.records;
        let Some(last) = records.last() else {
            return Ok(verdicts);
        };
        let revision = last.revision();
        let mut rows = Vec::with_capacity(records.len());
        for record in &records {
            record_chunks(record, |key, chunk| rows.push((key, chunk)));
        }
        let commits = verdicts.iter().filter(|verdict| verdict.is_ok()).count();
        self.write(rows, commits, revision)?;
        self.position.revision = revision;
        self.fresh.extend(records);
        Ok(verdicts)
    }

    fn barrier(&mut self) -> Result<(), EngineError> {
        match (self.dirty, self.compacted) {
            (true, _) => {}
            // Somebody asked for compaction, or a group was refused, which then pays for one that went before.
            (false, true) => return self.mark(false),
            (false, false) => return Ok(()),
        }
        self.db.flush().map_err(sled_error("flush"))?;
        // sled's flush hands the pages to the kernel; it does not wait for the disk.
        if self.options.durability == Durability::Synced {
            self.directory.sync_data()?;
        }
        self.dirty = false;
        Ok(())
    }

    fn tail(&mut self, after: Revision) -> Result<Vec<Record>, EngineError> {
        if after == self.fresh_after {
            self.fresh_after = self.position.revision;
            return Ok(std::mem::take(&mut self.fresh));
        }
        let mut assembler = Assembler::default();
        let mut records = Vec::new();
        for row in self.db.range(log_key_after(after)..) {
            let (key, chunk) = row.map_err(sled_error("read the log"))?;
            if !key.starts_with(LOG) {
                break;
            }
            records.extend(assembler.feed(&key, &chunk)?);
        }
        assembler.finish()?;
        Ok(records)
    }

    fn compact(&mut self, oldest: Revision, gone: &[Arc<Change>]) {
        self.compacted |= oldest > self.position.oldest;
        self.position.oldest = oldest;
        for change in gone {
            removed_keys(change, |key| self.removals.push(key));
        }
    }

    fn close(mut self: Box<Self>) -> Result<(), EngineError> {
        self.mark(true)
    }
}

fn open_db(dir: &Path, options: SledOptions) -> Result<sled::Db, EngineError> {
    sled::Config::new()
        .path(dir)
        .segment_size(SEGMENT_BYTES)
        .cache_capacity(options.cache_bytes)
        // No flusher thread: barrier is the only one who flushes.
        .flush_every_ms(None)
        .open()
        .map_err(sled_error("open"))
}

fn sled_error(doing: &'static str) -> impl FnOnce(sled::Error) -> EngineError {
    move |source| EngineError::Sled { doing, source }
}

fn engine(source: EngineError) -> OpenError {
    OpenError::Engine { source }
}
