//! The Pod network of the node, once its range of addresses is known.

use std::time::Duration;

use anyhow::Context as _;
use k8s_openapi::api::core::v1::Node;
use skiff_client::{Informer, ObjectKey, WorkQueue};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::pods::Context;
use crate::runtime::{CniConfig, Runtime};

/// After the runtime could not be asked, or took too long.
const AGAIN: Duration = Duration::from_secs(1);

/// Waits for `spec.podCIDR`, sets the network up and, once the runtime has it, tells so; then waits for ever, for the range of a node never changes.
pub(super) async fn set_up<R: Runtime>(
    context: &Context<R>,
    nodes: &Informer<Node>,
    key: &ObjectKey,
    ready: &watch::Sender<bool>,
) -> anyhow::Result<()> {
    let config = &context.host.config;
    let range = pod_cidr(nodes, key).await;
    let range = range
        .parse()
        .with_context(|| format!("the Node's podCIDR {range:?}"))?;
    CniConfig::new(range, config.cluster_cidr)
        .apply(&config.data_dir)
        .await
        .context("set up the Pod network")?;
    while let Err(error) = context.runtime.await_network().await {
        tracing::warn!(%error, "the container runtime has no Pod network yet, waiting on");
        sleep(AGAIN).await;
    }
    ready.send_replace(true);
    std::future::pending().await
}

async fn pod_cidr(nodes: &Informer<Node>, key: &ObjectKey) -> String {
    let changes = WorkQueue::new();
    let changed = changes.clone();
    nodes.on_change(move |change| changed.add(ObjectKey::of(&**change.object())));
    loop {
        let node = nodes.get(key);
        if let Some(range) = node.and_then(|node| node.spec.as_ref()?.pod_cidr.clone()) {
            return range;
        }
        let key = changes.next().await;
        changes.done(&key);
    }
}
