//! The committer: one thread that makes groups of batches durable, publishes them, and then answers.

use std::{process, sync::Arc, thread, time::Instant};

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::{
    Batch, CheckError, CheckReport, Engine, Inconsistency, Revision, Snapshot, Verdict,
    check::check, crowd::Crowd, hub::Hub,
};

/// The most batches that share one flush.
pub(crate) const MAX_GROUP_BATCHES: usize = 1024;
/// A group that has reached this many bytes takes no further batch.
const GROUP_BYTES: usize = 16 << 20;

/// What the committer is asked for.
pub(crate) enum Request {
    Commit(Waiting),
    /// The engine has news of what others committed.
    Tail,
    Compact {
        before: Revision,
        done: oneshot::Sender<()>,
    },
    Check {
        // Not a oneshot: who checks blocks, and may do so inside a runtime.
        done: std::sync::mpsc::SyncSender<Result<CheckReport, CheckError>>,
    },
    Close {
        done: oneshot::Sender<()>,
    },
}

/// A batch, and who waits for its verdict.
pub(crate) struct Waiting {
    pub(crate) batch: Batch,
    pub(crate) verdict: oneshot::Sender<Verdict>,
    /// The batch's share of the queue's bound, given back when it is answered.
    pub(crate) room: OwnedSemaphorePermit,
}

pub(crate) struct Committer {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) requests: mpsc::UnboundedReceiver<Request>,
    pub(crate) crowd: Crowd,
}

impl Committer {
    /// Serves requests until one closes the store, or nobody is left to make any.
    pub(crate) fn run(mut self) {
        // Whatever ends this thread, a panic too, ends the watches.
        let _close = CloseOnDrop(Arc::clone(&self.hub));
        let mut next = None;
        while let Some(request) = next.take().or_else(|| self.requests.blocking_recv()) {
            match request {
                Request::Commit(first) => next = self.commit_group(first),
                Request::Tail => self.publish(self.hub.snapshot()),
                Request::Compact { before, done } => {
                    self.compact(before);
                    let _ = done.send(());
                }
                Request::Check { done } => {
                    let _ = done.send(self.check());
                }
                Request::Close { done } => return self.close(done),
            }
        }
    }

    /// Commits a batch and what else waits. Returns the request that ended the group.
    fn commit_group(&mut self, first: Waiting) -> Option<Request> {
        let patience = self.crowd.patience(1 + self.requests.len());
        if !patience.is_zero() {
            thread::sleep(patience);
        }
        let mut bytes = first.batch.bytes();
        let mut batches = vec![first.batch];
        let mut waiting = vec![(first.verdict, first.room)];
        let mut next = None;
        while batches.len() < MAX_GROUP_BATCHES && bytes < GROUP_BYTES {
            match self.requests.try_recv() {
                Ok(Request::Commit(more)) => {
                    bytes += more.batch.bytes();
                    batches.push(more.batch);
                    waiting.push((more.verdict, more.room));
                }
                // What is published after the group has the news as well.
                Ok(Request::Tail) => {}
                Ok(other) => {
                    next = Some(other);
                    break;
                }
                Err(_) => break,
            }
        }
        self.crowd.group = batches.len();
        let table = self.hub.snapshot();
        let verdicts = or_stop(self.engine.commit(&table, &batches));
        self.publish(table);
        for ((waiting, _room), verdict) in waiting.into_iter().zip(verdicts) {
            // Who no longer waits does not need the answer.
            let _ = waiting.send(verdict);
        }
        next
    }

    /// Makes durable what was committed, then shows it.
    fn publish(&mut self, mut table: Snapshot) {
        let began = Instant::now();
        or_stop(self.engine.barrier());
        self.crowd.flush = began.elapsed();
        let records = or_stop(self.engine.tail(table.revision));
        if records.is_empty() {
            return;
        }
        let changes: Result<Vec<_>, Inconsistency> = records
            .into_iter()
            .map(|record| table.apply(record).map(Arc::new))
            .collect();
        let gone = self.hub.publish(table, &or_stop(changes));
        if !gone.is_empty() {
            self.engine.compact(self.hub.oldest(), &gone);
        }
    }

    fn compact(&mut self, before: Revision) {
        let up_to = before.min(self.hub.revision());
        let gone = self.hub.forget(up_to);
        self.engine.compact(self.hub.oldest(), &gone);
        or_stop(self.engine.barrier());
    }

    fn check(&mut self) -> Result<CheckReport, CheckError> {
        let stored = self.engine.barrier();
        let stored = stored.and_then(|()| self.engine.tail(Revision::ZERO));
        let records = stored.map_err(|source| CheckError::Engine { source })?;
        check(records, self.engine.position(), &self.hub)
    }

    fn close(self, done: oneshot::Sender<()>) {
        if let Err(error) = self.engine.close() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the store is not marked as cleanly closed"
            );
        }
        self.hub.close();
        let _ = done.send(());
    }
}

struct CloseOnDrop(Arc<Hub>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Goes on with what succeeded, or stops the process: after a failed write or flush nobody knows what is on the
/// disk (a second fdatasync may report success for pages the kernel has dropped), and only a new start, which
/// reads what is there, can tell.
fn or_stop<T, E: std::error::Error>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| {
        let mut message = format!("skiff stops, its store cannot go on: {error}");
        let mut source = error.source();
        while let Some(cause) = source {
            message = format!("{message}: {cause}");
            source = cause.source();
        }
        tracing::error!("{message}");
        eprintln!("{message}");
        process::abort()
    })
}
