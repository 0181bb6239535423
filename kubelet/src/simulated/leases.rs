//! The heartbeats of all simulated nodes, spread over the time between two of one node.

use std::time::Duration;

use futures::{StreamExt, stream};
use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::{Api, Client, ResourceExt};
use skiff_client::Informer;
use tokio::time::{Instant, sleep_until};

use super::{WORKERS, is_simulated};
use crate::node::lease;

/// As kubelets have it (nodeLeaseDurationSeconds).
const DURATION: Duration = Duration::from_secs(40);

/// Renews them for ever.
pub(super) async fn keep(client: Client, nodes: Informer<Node>) {
    let api: Api<Lease> = Api::namespaced(client, lease::NAMESPACE);
    let period = DURATION / lease::RENEWALS;
    loop {
        let begin = Instant::now();
        let mut alive = nodes.list();
        alive.retain(|node| is_simulated(node));
        let count = u32::try_from(alive.len()).unwrap_or(u32::MAX).max(1);
        stream::iter((0..).zip(&alive))
            .for_each_concurrent(WORKERS, |(turn, node)| {
                let api = &api;
                async move {
                    sleep_until(begin + period / count * turn).await;
                    let renewed = lease::renew(api, &node.name_any(), DURATION, Some(node)).await;
                    if let Err(error) = renewed {
                        // The next turn comes before the node counts as lost.
                        tracing::debug!(node = node.name_any(), %error, "lease not renewed");
                    }
                }
            })
            .await;
        sleep_until(begin + period).await;
    }
}
