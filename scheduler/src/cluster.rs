//! What a placement looks at.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Pod};
use skiff_client::ObjectKey;

use crate::node_info::{NodeInfo, priority};
use crate::volumes::PodVolumes;

/// The Pod that wants a place.
pub(crate) struct Incoming {
    pub(crate) pod: Arc<Pod>,
    /// The claims it uses.
    pub(crate) volumes: PodVolumes,
}

/// The cluster at one moment. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Cluster {
    /// All Nodes, by name.
    pub(crate) nodes: Vec<Arc<NodeInfo>>,
    /// All Namespaces, for their labels.
    pub(crate) namespaces: Arc<BTreeMap<String, Arc<Namespace>>>,
    /// Pods for which room is being made, and where.
    pub(crate) nominated: Arc<Vec<(String, Arc<Pod>)>>,
}

impl Cluster {
    /// The Pods that are to come to the Node and that the incoming one may not crowd out.
    pub(crate) fn nominated_on(&self, node: &str, incoming: &Pod) -> Vec<Arc<Pod>> {
        let own = ObjectKey::of(incoming);
        let counts = |(to, pod): &&(String, Arc<Pod>)| {
            to == node && priority(pod) >= priority(incoming) && ObjectKey::of(&**pod) != own
        };
        let nominated = self.nominated.iter().filter(counts);
        nominated.map(|(_, pod)| pod.clone()).collect()
    }

    /// The cluster with another state of one Node.
    pub(crate) fn with(&self, node: Arc<NodeInfo>) -> Self {
        let mut changed = self.clone();
        for known in &mut changed.nodes {
            if known.name() == node.name() {
                *known = node.clone();
            }
        }
        changed
    }
}
