//! A Node and what it carries.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Affinity, Node, Pod};
use skiff_client::ObjectKey;

use crate::resources::{Resources, pod_requests, usual_requests};

/// A Node with the Pods bound to it, or assumed to be.
#[derive(Clone)]
pub(crate) struct NodeInfo {
    pub(crate) node: Arc<Node>,
    pub(crate) allocatable: Resources,
    pub(crate) requested: Resources,
    /// CPU and memory in use if what Pods leave unsaid is counted as something, for scores.
    pub(crate) usual: Resources,
    pub(crate) pods: HashMap<ObjectKey, Arc<Pod>>,
    /// How many of the Pods have (anti-)affinity to others: mostly none, and then nobody looks at them.
    pub(crate) with_affinity: usize,
}

impl NodeInfo {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        let allocatable = Resources::of(
            node.status
                .as_ref()
                .and_then(|status| status.allocatable.as_ref()),
        );
        Self {
            node,
            allocatable,
            requested: Resources::default(),
            usual: Resources::default(),
            pods: HashMap::new(),
            with_affinity: 0,
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.node.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn labels(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.node.metadata.labels.as_ref().unwrap_or(&NONE)
    }

    pub(crate) fn add(&mut self, pod: Arc<Pod>) {
        self.remove(&ObjectKey::of(&*pod));
        self.requested.add(&pod_requests(&pod));
        self.usual.add(&usual_requests(&pod));
        self.with_affinity += usize::from(has_pod_affinity(&pod));
        self.pods.insert(ObjectKey::of(&*pod), pod);
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        if let Some(pod) = self.pods.remove(key) {
            self.requested.subtract(&pod_requests(&pod));
            self.usual.subtract(&usual_requests(&pod));
            self.with_affinity -= usize::from(has_pod_affinity(&pod));
        }
    }
}

pub(crate) fn affinity(pod: &Pod) -> Option<&Affinity> {
    pod.spec.as_ref()?.affinity.as_ref()
}

fn has_pod_affinity(pod: &Pod) -> bool {
    affinity(pod).is_some_and(|all| all.pod_affinity.is_some() || all.pod_anti_affinity.is_some())
}

/// The Pod's priority; Pods of no class have 0.
pub(crate) fn priority(pod: &Pod) -> i32 {
    pod.spec
        .as_ref()
        .and_then(|spec| spec.priority)
        .unwrap_or(0)
}
