//! What both kinds of starts need: Pods by the API, the same by raw calls.

use std::path::PathBuf;

use anyhow::Result;

use super::cri::{Made, Runtime, Wanted};
use super::pod::Pods;
use super::template::Template;
use crate::bench::client::ApiServer;
use crate::bench::space::Space;
use crate::bench::tell;

/// The name of the Pod whose configuration the raw calls have.
const TEMPLATE: &str = "template";

/// Where a node is: its API server, the socket of its containerd, a folder for the logs of raw containers.
#[derive(Debug, Clone)]
pub(in crate::bench) struct Place {
    pub(in crate::bench) server: ApiServer,
    pub(in crate::bench) socket: PathBuf,
    pub(in crate::bench) logs: PathBuf,
}

/// A node with one Pod on it, to start others beside it.
pub(super) struct Bed {
    space: Space,
    logs: PathBuf,
    pub(super) pods: Pods,
    pub(super) runtime: Runtime,
    pub(super) template: Template,
}

impl Bed {
    pub(super) async fn make(place: &Place, bench: &str) -> Result<Self> {
        let space = Space::create(&place.server, bench).await?;
        let mut runtime = Runtime::connect(&place.socket).await?;
        let mut pods = Pods::watch(&place.server, &space).await?;
        tell(&format!("{bench}, the Pod to compare with"));
        // It brings the image, and stays: the raw containers have its files.
        pods.run(TEMPLATE).await?;
        let template = Template::of(&mut runtime, TEMPLATE).await?;
        Ok(Self {
            space,
            logs: place.logs.clone(),
            pods,
            runtime,
            template,
        })
    }

    /// The Pod once more, to be run by raw calls.
    pub(super) fn copy(&self, number: u32) -> Result<Wanted> {
        self.template.copy(number, &self.logs)
    }

    /// Removes Pods and what raw calls made, all at the same time, and waits until nothing of them is left.
    pub(super) async fn remove(&mut self, pods: &[String], raw: Vec<Made>) -> Result<()> {
        let runtime = self.runtime.clone();
        let (pods, raw) = tokio::join!(self.pods.remove(pods), runtime.remove_all(raw));
        pods.and(raw)?;
        self.runtime.until_left(self.space.name(), 1).await
    }

    /// Removes what is left.
    pub(super) async fn clear(mut self) -> Result<()> {
        self.pods.remove(&[TEMPLATE.to_owned()]).await?;
        self.runtime.until_left(self.space.name(), 0).await?;
        self.space.delete().await
    }
}
