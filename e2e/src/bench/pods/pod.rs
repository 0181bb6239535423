//! Pods by the API, seen by a watch.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::bench::client::{ApiServer, Connection, Event, Events};
use crate::bench::objects::Mould;
use crate::bench::space::Space;

/// Bounds the start of all Pods that are started together, a pull of the image included, and their removal.
const WITHIN: Duration = Duration::from_secs(240);
/// How many create Pods at a time, each with a connection of its own.
const WRITERS: usize = 16;

/// The Pods of the bench.
pub(super) struct Pods {
    server: ApiServer,
    connection: Connection,
    events: Events,
    path: String,
    mould: Mould,
}

/// A Pod that came to run.
#[derive(Debug)]
pub(super) struct Started {
    pub(super) uid: String,
    /// When it was asked for, and when the watch showed it Running.
    pub(super) began: Timestamp,
    pub(super) running: Timestamp,
    /// The time between the two, by a clock that does not jump.
    pub(super) took: Duration,
}

impl Pods {
    /// Begins to watch the Pods of `space`.
    pub(super) async fn watch(server: &ApiServer, space: &Space) -> Result<Self> {
        let path = space.path("pods");
        let watch = format!("{path}?watch=true");
        Ok(Self {
            server: server.clone(),
            connection: server.connect().await?,
            events: server.connect().await?.watch(&watch).await?,
            path,
            mould: Mould::sleeping_pod(),
        })
    }

    /// Creates a Pod and waits until the watch shows it Running.
    pub(super) async fn run(&mut self, name: &str) -> Result<Started> {
        let object = self.mould.named(name);
        let (clock, began) = (Timestamp::now(), Instant::now());
        let stored = self.connection.create(&self.path, object).await?;
        self.until_all(&[name.to_owned()], is_running).await?;
        let (took, running) = (began.elapsed(), Timestamp::now());
        let stored: Value = serde_json::from_slice(&stored)?;
        let uid = stored["metadata"]["uid"].as_str();
        Ok(Started {
            uid: uid.context("a Pod has a uid")?.to_owned(),
            began: clock,
            running,
            took,
        })
    }

    /// Creates Pods at the same time; returns the time until the watch shows the last of them Running.
    pub(super) async fn run_all(&mut self, names: &[String]) -> Result<Duration> {
        let mut writers = Vec::new();
        for _ in 0..WRITERS.min(names.len()) {
            writers.push(self.server.connect().await?);
        }
        let mut objects: Vec<Vec<_>> = vec![Vec::new(); writers.len()];
        for (number, name) in names.iter().enumerate() {
            objects[number % writers.len()].push(self.mould.named(name));
        }
        let mut creating = JoinSet::new();
        let began = Instant::now();
        for (mut writer, objects) in writers.into_iter().zip(objects) {
            let path = self.path.clone();
            creating.spawn(async move {
                for object in objects {
                    writer.create(&path, object).await?;
                }
                anyhow::Ok(())
            });
        }
        while let Some(created) = creating.join_next().await {
            created??;
        }
        self.until_all(names, is_running).await?;
        Ok(began.elapsed())
    }

    /// Deletes Pods and waits until the API server has none of them.
    pub(super) async fn remove(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            let path = format!("{}/{name}", self.path);
            self.connection.delete(&path).await?;
        }
        self.until_all(names, |event| Ok(event.kind == "DELETED"))
            .await
    }

    /// Waits until an event of each of these Pods is what is waited for.
    async fn until_all(
        &mut self,
        names: &[String],
        is: impl Fn(&Event) -> Result<bool>,
    ) -> Result<()> {
        let mut left: HashSet<&str> = names.iter().map(String::as_str).collect();
        let waiting = async {
            while !left.is_empty() {
                let event = self.events.next_event().await?;
                let name = event.object["metadata"]["name"].as_str();
                let name = name.unwrap_or_default();
                if left.contains(name) && is(&event)? {
                    left.remove(name);
                }
            }
            anyhow::Ok(())
        };
        let in_time = timeout(WITHIN, waiting).await;
        in_time.with_context(|| format!("{left:?}: nothing after {WITHIN:?}"))?
    }
}

fn is_running(event: &Event) -> Result<bool> {
    let status = &event.object["status"];
    let phase = status["phase"].as_str().unwrap_or_default();
    let is_over = matches!(phase, "Failed" | "Succeeded") || event.kind == "DELETED";
    ensure!(!is_over, "a Pod ended: {status}");
    Ok(phase == "Running")
}
