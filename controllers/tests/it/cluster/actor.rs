//! Plays the scheduler and all kubelets: binds every Pod, runs it at once, and ends it when it is deleted.
//! A Pod whose image is `broken` never becomes ready, one of `succeeds` or `fails` ends at once.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_openapi::api::core::v1::Pod;
use kube::api::{DeleteParams, Patch, PatchParams, PostParams};
use kube::{Api, Client, ResourceExt};
use serde_json::json;
use skiff_client::{Informers, Next, ObjectKey, WorkQueue, reconcile_queue};
use tokio_util::sync::CancellationToken;

use super::NODE;

pub(super) async fn run(
    client: Client,
    informers: Informers,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let pods = informers.all::<Pod>();
    let queue = WorkQueue::new();
    let changed = queue.clone();
    pods.on_change(move |change| changed.add(ObjectKey::of(&**change.object())));
    let addresses = Arc::new(AtomicU32::new(Ipv4Addr::new(10, 244, 0, 2).to_bits()));
    reconcile_queue("actor", queue, 4, shutdown, move |key| {
        let (client, pod, addresses) = (client.clone(), pods.get(&key), addresses.clone());
        async move {
            if let Some(pod) = pod {
                act(&Api::namespaced(client, &key.namespace), &pod, &addresses).await?;
            }
            Ok(Next::Done)
        }
    })
    .await
}

/// The node that a daemon asks for by its affinity, else the one there is.
fn wanted_node(pod: &Pod) -> String {
    let required = "/spec/affinity/nodeAffinity/requiredDuringSchedulingIgnoredDuringExecution";
    let name = format!("{required}/nodeSelectorTerms/0/matchFields/0/values/0");
    let pod = json!(pod);
    let name = pod.pointer(&name).and_then(serde_json::Value::as_str);
    name.unwrap_or(NODE.0).to_owned()
}

async fn act(api: &Api<Pod>, pod: &Pod, addresses: &AtomicU32) -> anyhow::Result<()> {
    let name = pod.name_any();
    let outcome = if pod.metadata.deletion_timestamp.is_some() {
        api.delete(&name, &DeleteParams::default().grace_period(0))
            .await
            .map(drop)
    } else if pod.spec.as_ref().unwrap().node_name.is_none() {
        let binding = json!({"apiVersion": "v1", "kind": "Binding", "metadata": {"name": name},
            "target": {"apiVersion": "v1", "kind": "Node", "name": wanted_node(pod)}});
        api.create_subresource::<_, serde_json::Value>(
            "binding",
            &name,
            &PostParams::default(),
            &binding,
        )
        .await
        .map(drop)
    } else if pod
        .status
        .as_ref()
        .is_none_or(|status| status.pod_ip.is_none())
    {
        let ip = Ipv4Addr::from_bits(addresses.fetch_add(1, Ordering::Relaxed));
        let (phase, ready) = match pod.spec.as_ref().unwrap().containers[0].image.as_deref() {
            Some("broken") => ("Running", "False"),
            Some("succeeds") => ("Succeeded", "False"),
            Some("fails") => ("Failed", "False"),
            _ => ("Running", "True"),
        };
        let status = json!({"phase": phase, "podIP": ip, "podIPs": [{"ip": ip}], "conditions": [
            {"type": "Ready", "status": ready, "lastTransitionTime": jiff::Timestamp::now().to_string()}]});
        let patch = Patch::Strategic(json!({ "status": status }));
        api.patch_status(&name, &PatchParams::default(), &patch)
            .await
            .map(drop)
    } else {
        Ok(())
    };
    match outcome {
        Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
        outcome => Ok(outcome?),
    }
}
