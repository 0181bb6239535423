//! When the cluster is ready: its node says so, and its kubelet is the one of this start.

use anyhow::bail;
use futures::{StreamExt, TryStreamExt};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::runtime::{WatchStreamExt, watcher};
use kube::{Api, Client};
use serde::de::DeserializeOwned;

/// The namespace of the nodes' leases.
const LEASES: &str = "kube-node-lease";

/// Waits until the API server shows the node as Ready, and its lease as renewed since `started`: what the node said
/// before an earlier end is still there.
pub(crate) async fn node_ready(
    client: Client,
    name: &str,
    started: Timestamp,
) -> anyhow::Result<()> {
    let renewed = until(
        Api::<Lease>::namespaced(client.clone(), LEASES),
        name,
        |lease| is_renewed(lease, started),
    );
    let ready = until(Api::<Node>::all(client), name, is_ready);
    tokio::try_join!(renewed, ready).map(drop)
}

/// Waits until the object of that name is as wanted.
async fn until<K>(api: Api<K>, name: &str, wanted: impl Fn(&K) -> bool) -> anyhow::Result<()>
where
    K: kube::Resource + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let config = watcher::Config::default().fields(&format!("metadata.name={name}"));
    let mut seen = watcher(api, config)
        .default_backoff()
        .applied_objects()
        .boxed();
    while let Some(object) = seen.try_next().await? {
        if wanted(&object) {
            return Ok(());
        }
    }
    bail!("the watch of {name} ended")
}

fn is_renewed(lease: &Lease, started: Timestamp) -> bool {
    let renewed = lease
        .spec
        .as_ref()
        .and_then(|spec| spec.renew_time.as_ref());
    renewed.is_some_and(|time| time.0 >= started)
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
