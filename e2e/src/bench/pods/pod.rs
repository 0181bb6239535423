//! Pods by the API, seen by a watch.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::cri::Runtime;
use crate::bench::client::{ApiServer, Connection, Events};
use crate::bench::objects::Mould;
use crate::bench::space::Space;

/// Bounds a Pod's start, a pull of the image included.
const RUNNING_WITHIN: Duration = Duration::from_secs(60);

/// The Pods of the bench.
pub(super) struct Pods {
    connection: Connection,
    events: Events,
    path: String,
    mould: Mould,
}

impl Pods {
    /// Begins to watch the Pods of `space`.
    pub(super) async fn watch(server: &ApiServer, space: &Space) -> Result<Self> {
        let path = space.path("pods");
        let watch = format!("{path}?watch=true");
        Ok(Self {
            connection: server.connect().await?,
            events: server.connect().await?.watch(&watch).await?,
            path,
            mould: Mould::sleeping_pod(),
        })
    }

    /// Creates a Pod; returns the time from then until the watch shows it Running.
    pub(super) async fn run(&mut self, name: &str) -> Result<Duration> {
        let object = self.mould.named(name);
        let began = Instant::now();
        self.connection.create(&self.path, object).await?;
        let running = tokio::time::timeout(RUNNING_WITHIN, self.until_running(name)).await;
        running
            .with_context(|| format!("the Pod {name} does not run after {RUNNING_WITHIN:?}"))??;
        Ok(began.elapsed())
    }

    /// Deletes a Pod and waits until nothing of it runs.
    pub(super) async fn remove(&mut self, name: &str, runtime: &mut Runtime) -> Result<()> {
        self.connection
            .delete(&format!("{}/{name}", self.path))
            .await?;
        runtime.until_gone(name).await
    }

    async fn until_running(&mut self, name: &str) -> Result<()> {
        loop {
            let pod = self.events.next().await?;
            if pod["metadata"]["name"] != name {
                continue;
            }
            match pod["status"]["phase"].as_str() {
                Some("Running") => return Ok(()),
                Some("Failed" | "Succeeded") => bail!("the Pod {name} ended: {}", pod["status"]),
                _ => {}
            }
        }
    }
}
