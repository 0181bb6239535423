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
use tokio::time::sleep;

use crate::pods::Context;

const NAMESPACE: &str = "kube-node-lease";
const DURATION_S: i32 = 40;
const RENEW_EVERY: Duration = Duration::from_secs(10);
/// After a failure.
const AGAIN: Duration = Duration::from_secs(1);

/// Renews the lease for ever.
pub(super) async fn keep<R>(
    context: &Context<R>,
    nodes: &Informer<Node>,
    key: &ObjectKey,
) -> anyhow::Result<()> {
    let api: Api<Lease> = Api::namespaced(context.host.objects.client.clone(), NAMESPACE);
    let name = &context.host.config.node_name;
    loop {
        let wait = match renew(&api, name, nodes.get(key).as_deref()).await {
            Ok(()) => RENEW_EVERY,
            Err(error) => {
                tracing::debug!(%error, "lease not renewed, trying again");
                AGAIN
            }
        };
        sleep(wait).await;
    }
}

async fn renew(api: &Api<Lease>, name: &str, node: Option<&Node>) -> kube::Result<()> {
    let now = MicroTime(Timestamp::now());
    let patch = Patch::Merge(json!({ "spec": { "holderIdentity": name, "renewTime": now } }));
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
            lease_duration_seconds: Some(DURATION_S),
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
