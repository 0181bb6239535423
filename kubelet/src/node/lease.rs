//! The node's heartbeat: a Lease, much smaller than the Node
//! (<https://kubernetes.io/docs/concepts/architecture/leases/#node-heart-beats>).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::api::core::v1::Node;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta, OwnerReference};
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;
use skiff_client::{Informer, ObjectKey};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use crate::pods::Context;

pub(crate) const NAMESPACE: &str = "kube-node-lease";
/// The part of the lease's duration after which it is renewed (nodeLeaseRenewIntervalFraction).
pub(crate) const RENEWALS: u32 = 4;
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// Renews the lease for ever. Once the API server is heard again, a `report` is due: it may have taken the node for lost.
pub(super) async fn keep<R>(
    context: &Context<R>,
    nodes: &Informer<Node>,
    key: &ObjectKey,
    report: &Notify,
) -> anyhow::Result<()> {
    let api: Api<Lease> = Api::namespaced(context.host.objects.client.clone(), NAMESPACE);
    let config = &context.host.config;
    let period = config.lease_duration / RENEWALS;
    let mut unheard = false;
    loop {
        let node = nodes.get(key);
        // A request without an answer is dropped with its connection, which a broken network may have left behind.
        let renewed = timeout(
            period,
            renew(
                &api,
                &config.node_name,
                config.lease_duration,
                node.as_deref(),
            ),
        )
        .await;
        let wait = match renewed {
            Ok(Ok(())) => {
                if std::mem::take(&mut unheard) {
                    report.notify_one();
                }
                period
            }
            failed => {
                unheard = true;
                tracing::debug!(?failed, "lease not renewed, trying again");
                AGAIN
            }
        };
        sleep(wait).await;
    }
}

/// Says that the node lives, for so long; makes the Lease if there is none.
pub(crate) async fn renew(
    api: &Api<Lease>,
    name: &str,
    duration: Duration,
    node: Option<&Node>,
) -> kube::Result<()> {
    let now = MicroTime(Timestamp::now());
    let seconds = i32::try_from(duration.as_secs()).unwrap_or(i32::MAX);
    let patch = Patch::Merge(json!({ "spec": {
        "holderIdentity": name, "leaseDurationSeconds": seconds, "renewTime": now } }));
    match api.patch(name, &PatchParams::default(), &patch).await {
        Err(kube::Error::Api(refused)) if refused.code == 404 => {}
        result => return result.map(drop),
    }
    let lease = Lease {
        metadata: ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            owner_references: node.map(|node| vec![owner(node)]),
            ..ObjectMeta::default()
        },
        spec: Some(LeaseSpec {
            holder_identity: Some(name.to_owned()),
            lease_duration_seconds: Some(seconds),
            renew_time: Some(now),
            ..LeaseSpec::default()
        }),
    };
    api.create(&PostParams::default(), &lease).await.map(drop)
}

/// The lease goes with its Node.
fn owner(node: &Node) -> OwnerReference {
    OwnerReference {
        api_version: "v1".to_owned(),
        kind: "Node".to_owned(),
        name: node.metadata.name.clone().unwrap_or_default(),
        uid: node.metadata.uid.clone().unwrap_or_default(),
        ..OwnerReference::default()
    }
}
