//! Nodes that run nothing, for those who need a thousand of them on a laptop: schedulers, controllers and operators see
//! Nodes that are Ready and Pods that run, complete and go.
//!
//! ```text
//!   Simulation ──► nodes: made, and told to be Ready ──► leases: renewed in turn
//!                    ▲ list-watch                          │
//!   API server ──────┴──► pods ──► status, as if all worked ──► API server
//! ```
//!
//! There is no kubelet a node, and no worker a Pod: nothing is under way between two states of a Pod that runs nowhere, so
//! a simulated one costs what caches take. Every Node with the label [`LABEL`] is simulated, also one that a user made.

mod addresses;
mod leases;
mod nodes;
mod pods;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ipnet::Ipv4Net;
use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use kube::{Client, ResourceExt};
use skiff_client::{Index, Informer, Informers, ObjectKey, WorkQueue, reconcile_queue};
use tokio_util::sync::CancellationToken;

use self::nodes::Nodes;
use self::pods::Pods;

/// The label of Nodes that are simulated, with any value.
pub const LABEL: &str = "skiff.dev/simulated";

/// How many Nodes or Pods are written at the same time.
const WORKERS: usize = 16;

/// What there is to be.
#[derive(Clone, Debug)]
pub struct Simulation {
    /// How many nodes to make, at most [`Simulation::MAX_NODES`].
    pub nodes: u32,
    /// They are called so, with `-0`, `-1` and so on.
    pub name_prefix: String,
    /// Labels of each, beside those that all nodes have.
    pub labels: BTreeMap<String, String>,
    /// Taints of each.
    pub taints: Vec<Taint>,
    /// Processors of each.
    pub cpus: u32,
    /// Memory of each, in bytes.
    pub memory_bytes: i64,
    /// How many Pods each takes.
    pub max_pods: u32,
    /// How long containers run that are not to be started again when they succeed.
    pub run_for: Duration,
}

impl Simulation {
    /// There are no more addresses for their Pods.
    pub const MAX_NODES: u32 = addresses::PARTS;
}

/// Makes the nodes, says how many there are once all of them are there, and runs what is bound to them until `shutdown`.
/// They stay, and are lost to the cluster like machines that were switched off.
///
/// # Errors
/// If the API server refuses a node, or a task panicked.
pub async fn simulate(
    simulation: Simulation,
    client: Client,
    informers: Informers,
    made: impl FnOnce(usize),
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let nodes = informers.all::<Node>();
    let all_pods = informers.all::<Pod>();
    let ready = async { tokio::join!(nodes.ready(), all_pods.ready()) };
    if shutdown.run_until_cancelled(ready).await.is_none() {
        return Ok(());
    }
    let on_node = all_pods.index(|pod| node_name(pod).into_iter().map(str::to_owned).collect());
    let (node_keys, pod_keys) = (WorkQueue::new(), WorkQueue::new());
    listen(&nodes, &all_pods, &on_node, &node_keys, &pod_keys);
    let made_nodes = Arc::new(Nodes::new(
        simulation.clone(),
        client.clone(),
        nodes.clone(),
    ));
    let ran_pods = Arc::new(Pods::new(
        simulation.run_for,
        client.clone(),
        nodes.clone(),
        all_pods,
    ));
    let making = async {
        made_nodes.make().await?;
        made(
            nodes
                .list()
                .iter()
                .filter(|node| is_simulated(node))
                .count(),
        );
        Ok(())
    };
    let renewing = async {
        let renewing = leases::keep(client, nodes.clone());
        shutdown.run_until_cancelled(renewing).await;
        Ok(())
    };
    let reconciled = made_nodes.clone();
    tokio::try_join!(
        async { shutdown.run_until_cancelled(making).await.unwrap_or(Ok(())) },
        renewing,
        reconcile_queue(
            "simulated-node",
            node_keys,
            WORKERS,
            shutdown.clone(),
            move |key| {
                let nodes = reconciled.clone();
                async move { nodes.reconcile(key).await }
            }
        ),
        reconcile_queue(
            "simulated-pod",
            pod_keys,
            WORKERS,
            shutdown.clone(),
            move |key| {
                let pods = ran_pods.clone();
                async move { pods.reconcile(key).await }
            }
        ),
    )?;
    Ok(())
}

/// A Pod is looked at when it changes, and when its node does: it may be known before its node is.
fn listen(
    nodes: &Informer<Node>,
    pods: &Informer<Pod>,
    on_node: &Index<Pod>,
    node_keys: &WorkQueue<ObjectKey>,
    pod_keys: &WorkQueue<ObjectKey>,
) {
    let keys = pod_keys.clone();
    pods.on_change(move |change| {
        if node_name(change.object()).is_some() {
            keys.add(ObjectKey::of(&**change.object()));
        }
    });
    let (node_keys, pod_keys, on_node) = (node_keys.clone(), pod_keys.clone(), on_node.clone());
    nodes.on_change(move |change| {
        let node = change.object();
        if !is_simulated(node) {
            return;
        }
        node_keys.add(ObjectKey::of(&**node));
        for pod in on_node.get(&node.name_any()) {
            pod_keys.add(ObjectKey::of(&*pod));
        }
    });
}

fn node_name(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref()
}

fn is_simulated(node: &Node) -> bool {
    node.labels().contains_key(LABEL)
}

/// The addresses of its Pods.
fn part_of(node: &Node) -> Option<Ipv4Net> {
    node.spec.as_ref()?.pod_cidr.as_ref()?.parse().ok()
}
