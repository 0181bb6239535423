//! The components: what each is told, whom it speaks as, and who sees it end.

mod control_plane;
mod node;

use std::time::{Duration, SystemTime};

use anyhow::{Context, anyhow};
use skiff_client::Informers;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::pki;

pub(crate) use control_plane::{apiserver_config, client_of_informers, client_of_skiff};
pub(crate) use node::NodeParts;

/// The running components.
pub(crate) struct Components {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    /// Ends the components, which are clients of the API server.
    clients: CancellationToken,
    /// Ends the API server, after its clients.
    server: CancellationToken,
}

impl Components {
    pub(crate) fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            clients: CancellationToken::new(),
            server: CancellationToken::new(),
        }
    }

    /// Ends with the clients of the API server.
    pub(crate) fn clients(&self) -> CancellationToken {
        self.clients.clone()
    }

    /// Has certificates renewed as they fall due; `renew` says when that is next.
    pub(crate) fn keep_fresh<F>(
        &mut self,
        due: SystemTime,
        renew: impl Fn() -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = anyhow::Result<SystemTime>> + Send + 'static,
    {
        let kept = pki::keep_fresh(due, renew, self.clients());
        self.start("certificates", kept);
    }

    /// Watches over informers, which end after those who use them.
    fn watch_over(&mut self, informers: Informers) {
        let shutdown = self.clients.clone();
        self.start("informers", async move {
            shutdown.cancelled().await;
            informers.stopped().await;
            Ok(())
        });
    }

    /// Waits until a component ends by itself, which none should.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match self.tasks.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow!("{name} ended"),
            Some(Ok((name, Err(error)))) => error.context(name),
            Some(Err(panicked)) => anyhow!(panicked).context("a component panicked"),
            None => anyhow!("no component runs"),
        }
    }

    /// Ends the clients of the API server, then the API server; what is not done in time is dropped.
    ///
    /// # Errors
    /// If a component failed on its way out.
    pub(crate) async fn stop(mut self, deadline: Duration) -> anyhow::Result<()> {
        self.clients.cancel();
        let until = tokio::time::Instant::now() + deadline;
        let mut outcome = Ok(());
        while let Ok(Some(ended)) = tokio::time::timeout_at(until, self.tasks.join_next()).await {
            outcome = outcome.and(match ended {
                Ok((name, result)) => result.context(name),
                Err(panicked) => Err(anyhow!(panicked).context("a component panicked")),
            });
            if self.tasks.len() == 1 {
                self.server.cancel();
            }
        }
        if !self.tasks.is_empty() {
            tracing::warn!(left = self.tasks.len(), "components did not end in time");
        }
        self.tasks.shutdown().await;
        outcome
    }

    /// Starts one of them.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        work: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, work.await) });
    }
}
