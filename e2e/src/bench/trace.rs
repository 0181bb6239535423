//! The stamps of skiff's components, as `skiff trace` reads them.

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::client::{ApiServer, Connection};

/// How many subjects are asked for at a time: the length of a path is bounded.
const AT_A_TIME: usize = 50;

/// A stage that was reached.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Stamp {
    /// When, by the clock of the machine that reached it.
    pub(super) at: Timestamp,
    /// What, in the words of its JSON: `in-dataplane`.
    pub(super) stage: String,
    /// Of what: the uid of a Pod, `namespace/name` of a Service.
    pub(super) subject: String,
    /// What there is to say beside, such as the endpoint.
    pub(super) detail: String,
}

/// The stamps of the first node, where all components run.
pub(super) struct Trace {
    connection: Connection,
    path: String,
}

impl Trace {
    pub(super) async fn of(server: &ApiServer) -> Result<Self> {
        let mut connection = server.connect().await?;
        let nodes: Value = serde_json::from_slice(&connection.get("/api/v1/nodes").await?)?;
        let node = nodes["items"][0]["metadata"]["name"].as_str();
        let node = node.context("the cluster has no node")?;
        Ok(Self {
            path: format!("/api/v1/nodes/{node}/proxy/debug/trace"),
            connection,
        })
    }

    /// The stamps of these subjects that the node still has, which are some 8,000 of all.
    pub(super) async fn stamps(&mut self, subjects: &[String]) -> Result<Vec<Stamp>> {
        let mut stamps = Vec::new();
        for some in subjects.chunks(AT_A_TIME) {
            let query: Vec<String> = some.iter().map(|one| format!("subject={one}")).collect();
            let path = format!("{}?{}", self.path, query.join("&"));
            let told: Vec<Stamp> = serde_json::from_slice(&self.connection.get(&path).await?)?;
            stamps.extend(told);
        }
        Ok(stamps)
    }
}
