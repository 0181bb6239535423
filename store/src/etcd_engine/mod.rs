//! The engine on etcd: several API servers, one history. etcd checks the preconditions, assigns the revisions and keeps the log.
//!
//! ```text
//!  commit ─► txn ─► write ─► members ─► etcd
//!    tail ◄─ news ◄─ feed ◄── watch ─────┘     what anyone commits, ours too
//! ```
//!
//! A commit is answered when the watch has told of it, so that what is shown then has it and everything before. What others
//! commit comes the same way, and a bell tells the committer. Each commit leaves a mark, by which a read learns what it must wait
//! for.
//!
//! etcd's own history may be compacted at any time (`--auto-compaction-mode=periodic --auto-compaction-retention=5m` is what
//! Kubernetes does): ours is in memory, and etcd's is needed only to go on with a watch that broke.

mod cursor;
mod feed;
mod layout;
mod members;
mod newest;
mod options;
mod read;
mod txn;
mod write;

use std::{sync::Arc, time::Duration};

use futures::{FutureExt, StreamExt, stream};
use tokio::{runtime::Handle, sync::mpsc, task::JoinSet, time::Instant};

use crate::{
    Batch, Bell, Change, CommitError, Engine, EngineError, Newest, OpenError, Position, Record,
    Revision, Snapshot, Verdict,
};
use cursor::Cursor;
use feed::{Doorbell, Feed, News};
use layout::Layout;
use members::{Members, within};
pub use options::EtcdOptions;

/// How many transactions are under way at once.
const PIPELINE: usize = 64;

/// The engine on etcd.
pub struct EtcdEngine {
    runtime: Handle,
    members: Arc<Members>,
    layout: Layout,
    /// How long etcd may be silent.
    patience: Duration,
    /// What [`Engine::tail`] has told, and is yet to tell.
    cursor: Cursor,
    news: mpsc::Receiver<News>,
    door: Arc<Doorbell>,
    /// Ends with the engine.
    _feed: JoinSet<()>,
}

impl EtcdEngine {
    /// Reads all keys as they are at one revision and watches from there. To be called in a multi-threaded runtime that lives
    /// as long as the store: the committer's thread lets it do its calls.
    ///
    /// # Errors
    /// When an option is wrong, etcd does not answer in time, or there is something under the prefix that is not ours.
    pub async fn open(options: EtcdOptions) -> Result<Self, OpenError> {
        options.validate()?;
        let layout = Layout::new(&options.prefix);
        let members = Arc::new(Members::connect(&options, layout.mark()).await?);
        let patience = options.timeout;
        let engine = |source| OpenError::Engine { source };
        let member = members.sound(Instant::now() + patience).await;
        let listed = read::list(member.map_err(engine)?, &layout, None, patience).await;
        let (revision, opening) = listed.map_err(engine)?;
        let door = Arc::new(Doorbell::default());
        let (feed, news) = Feed::new(
            Arc::clone(&members),
            layout.clone(),
            revision,
            patience,
            Arc::clone(&door),
        );
        let mut feeds = JoinSet::new();
        feeds.spawn(feed.run());
        Ok(Self {
            runtime: Handle::current(),
            members,
            layout,
            patience,
            cursor: Cursor::new(revision, opening),
            news,
            door,
            _feed: feeds,
        })
    }

    async fn commit_all(&mut self, group: &[Batch]) -> Result<Vec<Verdict>, EngineError> {
        let deadline = Instant::now() + self.patience;
        let mut verdicts: Vec<Verdict> = Vec::new();
        verdicts.resize_with(group.len(), || Err(CommitError::Unknown));
        for wave in txn::waves(group) {
            let writes = wave
                .iter()
                .map(|at| write::write(&self.members, &self.layout, &group[*at], deadline));
            let answers: Vec<_> = stream::iter(writes).buffered(PIPELINE).collect().await;
            for (at, answer) in wave.into_iter().zip(answers) {
                verdicts[at] = answer?;
            }
        }
        let newest = verdicts.iter().filter_map(met).max();
        if !self.catch_up(newest.unwrap_or(Revision::ZERO)).await? {
            for verdict in verdicts.iter_mut().filter(|verdict| verdict.is_ok()) {
                *verdict = Err(CommitError::Unknown);
            }
        }
        Ok(verdicts)
    }

    /// Waits until the watch has told of a revision; `false` if that does not happen in time.
    async fn catch_up(&mut self, to: Revision) -> Result<bool, EngineError> {
        let deadline = Instant::now() + self.patience;
        while self.cursor.heard() < to {
            match within(deadline, self.news.recv()).await {
                Some(Some(news)) => self.cursor.hear(news?),
                Some(None) => return Err(EngineError::EtcdUnwatched),
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    /// What the log would be if etcd kept it as the embedded engine does: all keys as they were where the history begins, and
    /// what happened since.
    async fn log(&self) -> Result<Vec<Record>, EngineError> {
        let Position { oldest, revision } = self.cursor.told();
        let member = self.members.sound(Instant::now() + self.patience).await?;
        let (layout, patience) = (&self.layout, self.patience);
        let (_, mut log) = read::list(member, layout, Some(oldest), patience).await?;
        if oldest < revision {
            log.extend(read::between(member, layout, oldest, revision, patience).await?);
        }
        Ok(log)
    }
}

/// What a batch has run into: its own write, or what stood in its way.
fn met(verdict: &Verdict) -> Option<Revision> {
    match verdict {
        Ok(revision) => Some(*revision),
        Err(CommitError::Precondition { current, .. }) => Some(current.as_ref()?.revision),
        Err(_) => None,
    }
}

impl Engine for EtcdEngine {
    fn position(&self) -> Position {
        self.cursor.told()
    }

    fn commit(&mut self, _table: &Snapshot, group: &[Batch]) -> Result<Vec<Verdict>, EngineError> {
        let runtime = self.runtime.clone();
        runtime.block_on(self.commit_all(group))
    }

    /// What the watch tells is durable, and a commit has waited for it.
    fn barrier(&mut self) -> Result<(), EngineError> {
        Ok(())
    }

    fn tail(&mut self, after: Revision) -> Result<Vec<Record>, EngineError> {
        if after < self.cursor.told().revision {
            if let Some(opening) = self.cursor.tell_opening() {
                return Ok(opening);
            }
            let runtime = self.runtime.clone();
            return runtime.block_on(self.log());
        }
        self.door.look();
        while let Ok(news) = self.news.try_recv() {
            self.cursor.hear(news?);
        }
        Ok(self.cursor.tell())
    }

    /// What etcd keeps is its own affair.
    fn compact(&mut self, oldest: Revision, _gone: &[Arc<Change>]) {
        self.cursor.forget(oldest);
    }

    fn newest(&self) -> Option<Newest> {
        let (members, layout) = (Arc::clone(&self.members), self.layout.clone());
        let patience = self.patience;
        Some(Box::new(move || {
            let (members, layout) = (Arc::clone(&members), layout.clone());
            let deadline = Instant::now() + patience;
            async move { newest::newest(&members, &layout, deadline).await }.boxed()
        }))
    }

    fn hang_bell(&mut self, bell: Bell) {
        self.door.hang(bell);
    }

    fn close(self: Box<Self>) -> Result<(), EngineError> {
        Ok(())
    }
}
