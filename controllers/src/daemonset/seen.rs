//! What is seen of a DaemonSet, and what a plan says.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use skiff_client::EventType;

use super::fit::{Fit, fit};
use super::pod;
use super::spec::{Allowance, allowance};

/// What is seen.
pub(super) struct Seen<'a> {
    pub(super) set: &'a DaemonSet,
    /// All Pods of the set, whatever their state.
    pub(super) pods: &'a [Arc<Pod>],
    /// The hash of the template's revision.
    pub(super) hash: &'a str,
    /// What an update may do.
    pub(super) allowance: Option<Allowance>,
    pub(super) now: Timestamp,
}

/// A node and the set's Pods that are on it or for it.
pub(super) struct Place {
    pub(super) node: String,
    pub(super) fit: Fit,
    pub(super) pods: Vec<Arc<Pod>>,
}

/// What to do.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) delete: Vec<Arc<Pod>>,
    /// The nodes to make a Pod for.
    pub(super) create: Vec<String>,
    /// What to tell users: how it is meant, reason, message.
    pub(super) tell: Vec<(EventType, &'static str, String)>,
}

/// All nodes, in the order of their names, and what stands on each.
pub(super) fn places(
    set: &DaemonSet,
    hash: &str,
    pods: &[Arc<Pod>],
    nodes: &[Arc<Node>],
) -> Vec<Place> {
    let daemon = pod::untargeted(set, hash);
    let mut places: Vec<Place> = nodes
        .iter()
        .map(|node| {
            let name = node.name_any();
            let on_it = pods.iter().filter(|one| pod::target_of(one) == Some(&name));
            Place {
                fit: fit(&daemon, node),
                pods: on_it.cloned().collect(),
                node: name,
            }
        })
        .collect();
    places.sort_by(|a, b| a.node.cmp(&b.node));
    places
}

impl<'a> Seen<'a> {
    /// What is seen of a set whose Pods stand in `places`.
    pub(super) fn new(
        set: &'a DaemonSet,
        pods: &'a [Arc<Pod>],
        hash: &'a str,
        places: &[Place],
        now: Timestamp,
    ) -> Self {
        let desired = places.iter().filter(|place| place.fit == Fit::Runs).count();
        Self {
            set,
            pods,
            hash,
            allowance: allowance(set, desired),
            now,
        }
    }
}
