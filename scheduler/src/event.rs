//! What happens in the cluster, as far as it may help a Pod to a place.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use skiff_client::Change;

use crate::cache::{has_ended, node_of};
use crate::resources::shrinks;

/// Something that may help a Pod that found no place. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// A Node came, or changed in what placement looks at.
    Node(Arc<Node>),
    /// A Pod left its Node, or ended there.
    PodGone(Arc<Pod>),
    /// A Pod was bound, or one that is bound has other labels.
    PodPlaced,
    /// A Pod asks its Node for less than before.
    PodShrunk,
    /// A claim, a volume or a class came or changed.
    Storage,
    /// The Pod itself was changed by a user.
    Itself,
    /// More than was noted.
    Anything,
}

impl Event {
    /// What a change of a Node means; a new heartbeat means nothing.
    pub(crate) fn of_node(change: &Change<Node>) -> Option<Self> {
        let is_news = match change {
            Change::Added(_) => true,
            Change::Deleted(_) => false,
            Change::Updated { old, new } => {
                let allocatable = |node: &Node| {
                    let status = node.status.as_ref();
                    status.and_then(|status| status.allocatable.clone())
                };
                old.spec != new.spec
                    || old.metadata.labels != new.metadata.labels
                    || allocatable(old) != allocatable(new)
            }
        };
        is_news.then(|| Event::Node(change.object().clone()))
    }

    /// What a change of a Pod that has a Node means.
    pub(crate) fn of_pod(change: &Change<Pod>) -> Option<Self> {
        let pod = change.object();
        node_of(pod)?;
        match change {
            Change::Deleted(_) => Some(Event::PodGone(pod.clone())),
            _ if has_ended(pod) => Some(Event::PodGone(pod.clone())),
            Change::Added(_) => Some(Event::PodPlaced),
            Change::Updated { old, new } => {
                let is_news = node_of(old).is_none() || old.labels() != new.labels();
                match (is_news, shrinks(old, new)) {
                    (false, false) => None,
                    (true, false) => Some(Event::PodPlaced),
                    (false, true) => Some(Event::PodShrunk),
                    (true, true) => Some(Event::Anything),
                }
            }
        }
    }
}

/// Whether a Pod without a Node is another one than before, for placement.
pub(crate) fn is_changed(old: &Pod, new: &Pod) -> bool {
    old.spec != new.spec || old.metadata.labels != new.metadata.labels
}
