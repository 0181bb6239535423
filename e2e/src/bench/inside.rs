//! An async runtime whose sockets belong to a node's network.

use std::future::Future;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use crate::Namespace;

/// Bounds one bench: a server that hangs makes it fail instead of waiting for ever.
const LIMIT: Duration = Duration::from_secs(15 * 60);

/// A runtime whose threads live in a network namespace, and so does what runs on them.
#[derive(Debug)]
pub(super) struct Inside {
    runtime: Runtime,
}

/// Work that was started and is waited for later.
#[derive(Debug)]
pub(super) struct Started<T>(JoinHandle<Result<T>>);

impl Inside {
    /// In the network of this process.
    pub(super) fn here() -> Result<Self> {
        let runtime = Builder::new_multi_thread().enable_all().build()?;
        Ok(Self { runtime })
    }

    /// In `namespace`: threads inherit the network of the thread that starts them.
    pub(super) fn of(namespace: &Namespace) -> Result<Self> {
        namespace.run(Self::here)
    }

    /// Runs `work` to its end.
    pub(super) fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        self.wait(self.start(work))
    }

    /// Starts `work`.
    pub(super) fn start<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Started<T> {
        Started(self.runtime.spawn(async {
            let ended = tokio::time::timeout(LIMIT, work).await;
            ended.with_context(|| format!("no end after {LIMIT:?}"))?
        }))
    }

    /// Waits for work that [`Self::start`] started.
    pub(super) fn wait<T>(&self, started: Started<T>) -> Result<T> {
        // Only waiting is done on this thread, which is not in the namespace.
        self.runtime.block_on(started.0)?
    }
}
