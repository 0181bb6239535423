//! Which nodes and Pods a change concerns.

use std::sync::Arc;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::Node;
use kube::ResourceExt;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use super::heartbeats::Heartbeats;
use super::plan::{last_heartbeat, readiness};
use super::taints::no_execute;
use crate::context::Context;
use crate::pods::node_of;

/// The namespace of the leases by which kubelets say that they live.
const NODE_LEASES: &str = "kube-node-lease";

/// Notes each heartbeat. It wakes nobody: a node's timer finds it.
pub(super) fn on_heartbeats(
    nodes: &Informer<Node>,
    leases: &Informer<Lease>,
    heartbeats: &Arc<Heartbeats>,
) {
    let noted = heartbeats.clone();
    leases.on_change(move |change| {
        let (lease, renewed) = match change {
            Change::Added(lease) => (lease, true),
            Change::Updated { old, new } => (new, renewal(old) != renewal(new)),
            Change::Deleted(_) => return,
        };
        if renewed && lease.namespace().as_deref() == Some(NODE_LEASES) {
            noted.heard(&lease.name_any());
        }
    });
    let noted = heartbeats.clone();
    nodes.on_change(move |change| match change {
        Change::Added(node) => noted.heard(&node.name_any()),
        Change::Updated { old, new } if last_heartbeat(old) != last_heartbeat(new) => {
            noted.heard(&new.name_any());
        }
        Change::Updated { .. } => {}
        Change::Deleted(node) => noted.forget(&node.name_any()),
    });
}

fn renewal(lease: &Lease) -> Option<jiff::Timestamp> {
    lease.spec.as_ref()?.renew_time.as_ref().map(|time| time.0)
}

/// A changed node is looked at; if its readiness has changed all are, for what befalls a lost node depends on whether
/// any other is left. If its NoExecute taints have changed, so are its Pods.
pub(super) fn on_nodes(
    context: &Context,
    nodes: &Informer<Node>,
    sick: &WorkQueue<ObjectKey>,
    evicted: &WorkQueue<ObjectKey>,
) {
    let (sick, evicted) = (sick.clone(), evicted.clone());
    let (known, pods_on) = (nodes.clone(), context.pods_on.clone());
    nodes.on_change(move |change| {
        let (old, node) = match change {
            Change::Added(node) => (None, node),
            Change::Updated { old, new } => (Some(old), new),
            Change::Deleted(_) => return,
        };
        sick.add(ObjectKey::of(&**node));
        if old.is_some_and(|old| readiness(old) != readiness(node)) {
            known
                .list()
                .iter()
                .for_each(|node| sick.add(ObjectKey::of(&**node)));
        }
        let before = old.map(|old| no_execute(old)).unwrap_or_default();
        if before != no_execute(node) {
            pods_on
                .get(&node.name_any())
                .iter()
                .for_each(|pod| evicted.add(ObjectKey::of(&**pod)));
        }
    });
}

/// A Pod that comes to a node may have to leave it again.
pub(super) fn on_pods(context: &Context, evicted: &WorkQueue<ObjectKey>) {
    let evicted = evicted.clone();
    context.pods.all.on_change(move |change| {
        let came = match change {
            Change::Added(pod) => node_of(pod).is_some(),
            Change::Updated { old, new } => {
                let tolerations = |pod: &k8s_openapi::api::core::v1::Pod| {
                    pod.spec.as_ref().and_then(|spec| spec.tolerations.clone())
                };
                node_of(old) != node_of(new) || tolerations(old) != tolerations(new)
            }
            Change::Deleted(_) => false,
        };
        if came {
            evicted.add(ObjectKey::of(&**change.object()));
        }
    });
}
