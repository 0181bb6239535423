//! The loop that takes keys from a queue and reconciles each.

use std::fmt::Display;
use std::future::Future;
use std::hash::Hash;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{WorkQueue, metrics};

/// What is to become of a key that was reconciled without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing until something changes.
    Done,
    /// Again after this time, whatever happens.
    After(Duration),
}

/// Reconciles the keys of `queue` with `workers` at a time until `shutdown`, then lets those at work finish.
///
/// `reconcile` gets a key, never an event, and must be idempotent. An error is logged and its key comes again with back-off.
///
/// # Errors
/// If a reconciliation panicked.
pub async fn reconcile_queue<T, F, R>(
    name: &'static str,
    queue: WorkQueue<T>,
    workers: usize,
    shutdown: CancellationToken,
    reconcile: F,
) -> anyhow::Result<()>
where
    T: Clone + Display + Eq + Hash + Send + 'static,
    F: Fn(T) -> R,
    R: Future<Output = anyhow::Result<Next>> + Send + 'static,
{
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            // Both arms are cancel-safe: a key is taken, or a finished task is taken, or neither.
            key = queue.next(), if running.len() < workers => {
                let work = reconcile(key.clone());
                running.spawn(async move { (key, work.await) });
            }
            Some(ended) = running.join_next() => settle(name, &queue, ended?),
            () = shutdown.cancelled() => break,
        }
    }
    while let Some(ended) = running.join_next().await {
        settle(name, &queue, ended?);
    }
    Ok(())
}

fn settle<T: Clone + Display + Eq + Hash>(
    name: &'static str,
    queue: &WorkQueue<T>,
    (key, result): (T, anyhow::Result<Next>),
) {
    match result {
        Ok(next) => {
            metrics::reconciled(name, "success");
            queue.forget(&key);
            if let Next::After(delay) = next {
                queue.add_after(key.clone(), delay);
            }
        }
        Err(error) => {
            metrics::reconciled(name, "error");
            if is_conflict(&error) {
                tracing::debug!(controller = name, %key, "conflict, trying again");
            } else {
                tracing::warn!(controller = name, %key, error = format!("{error:#}"), "reconcile failed, trying again");
            }
            queue.retry(key.clone());
        }
    }
    queue.done(&key);
}

fn has_code(error: &anyhow::Error, code: u16) -> bool {
    matches!(error.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.code == code)
}

/// Whether the API server refused a write because the object had changed since it was read.
pub fn is_conflict(error: &anyhow::Error) -> bool {
    has_code(error, 409) && !is_already_exists(error)
}

/// Whether the API server cannot do now what it may do soon: it has too much to do, or cannot reach its store.
pub fn is_unavailable(error: &anyhow::Error) -> bool {
    [429, 503, 504].iter().any(|code| has_code(error, *code))
}

/// Whether the API server said that there is no such object.
pub fn is_not_found(error: &anyhow::Error) -> bool {
    has_code(error, 404)
}

/// Whether the API server said that an object of that name exists.
pub fn is_already_exists(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref::<kube::Error>(), Some(kube::Error::Api(status)) if status.reason == "AlreadyExists")
}
