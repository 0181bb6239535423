//! When the cluster is ready: its node says so.

use futures::{StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::Node;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};

/// Waits until the API server shows the node as Ready.
pub(crate) async fn node_ready(client: Client, name: &str) -> anyhow::Result<()> {
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut nodes = watcher(Api::<Node>::all(client), config)
        .default_backoff()
        .applied_objects()
        .boxed();
    while let Some(node) = nodes.try_next().await? {
        if is_ready(&node) {
            return Ok(());
        }
    }
    anyhow::bail!("the watch of the node ended")
}

/// Whether the node's `Ready` condition holds.
pub(crate) fn is_ready(node: &Node) -> bool {
    let conditions = node
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|condition| condition.type_ == "Ready" && condition.status == "True")
}
