//! All Pods that the runtime has.

use std::collections::HashMap;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::channel::within;
use super::cri::{Cri, READ_LIMIT, done, if_there};
use crate::runtime::cri::{Container, ListContainersRequest, ListPodSandboxRequest};
use crate::runtime::{PodState, RuntimeError};

/// How many statuses are asked for at the same time.
const PARALLEL: usize = 8;

impl Cri {
    /// Sandboxes and containers as they are; what vanishes while the list is made is left out of it.
    pub(super) async fn list(&self) -> Result<Vec<PodState>, RuntimeError> {
        let request = within(READ_LIMIT, ListPodSandboxRequest { filter: None });
        let sandboxes = done(
            "ListPodSandbox",
            self.runtime().list_pod_sandbox(request).await,
        )?
        .items;
        let mut containers = self.containers_by_sandbox().await?;
        let pods = sandboxes.into_iter().map(|sandbox| {
            let containers = containers.remove(&sandbox.id).unwrap_or_default();
            self.pod_state(sandbox.id, containers)
        });
        let pods: Vec<Option<PodState>> =
            stream::iter(pods).buffered(PARALLEL).try_collect().await?;
        Ok(pods.into_iter().flatten().collect())
    }

    async fn containers_by_sandbox(&self) -> Result<HashMap<String, Vec<Container>>, RuntimeError> {
        let request = within(READ_LIMIT, ListContainersRequest { filter: None });
        let listed = done(
            "ListContainers",
            self.runtime().list_containers(request).await,
        )?;
        let mut by_sandbox: HashMap<String, Vec<Container>> = HashMap::new();
        for container in listed.containers {
            by_sandbox
                .entry(container.pod_sandbox_id.clone())
                .or_default()
                .push(container);
        }
        Ok(by_sandbox)
    }

    async fn pod_state(
        &self,
        sandbox_id: String,
        mut containers: Vec<Container>,
    ) -> Result<Option<PodState>, RuntimeError> {
        let Some(sandbox) = if_there(self.sandbox_status(&sandbox_id).await)? else {
            return Ok(None);
        };
        containers.sort_by_key(|container| container.created_at);
        let mut statuses = Vec::with_capacity(containers.len());
        for container in containers {
            statuses.extend(if_there(self.container_status(&container.id).await)?);
        }
        Ok(Some(PodState {
            sandbox,
            containers: statuses,
        }))
    }
}
