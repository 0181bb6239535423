//! The Nodes and their Pods as the informers tell them, and the Pods assumed while their binding is on its way.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::ResourceExt;
use parking_lot::Mutex;
use skiff_client::{Change, ObjectKey};

use crate::node_info::NodeInfo;

/// What the scheduler knows of the cluster. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Cache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    nodes: HashMap<String, NodeInfo>,
    /// The node of each Pod that is bound or assumed; the Pod may be told before its node.
    bound: HashMap<ObjectKey, (String, Arc<Pod>)>,
}

impl Cache {
    /// Follows a change of a Node.
    pub(crate) fn node_changed(&self, change: &Change<Node>) {
        let mut state = self.0.lock();
        let name = change.object().name_any();
        if let Change::Deleted(_) = change {
            state.nodes.remove(&name);
            return;
        }
        let mut info = NodeInfo::new(change.object().clone());
        for (node, pod) in state.bound.values() {
            if *node == name {
                info.add(pod.clone());
            }
        }
        state.nodes.insert(name, info);
    }

    /// Follows a change of a Pod.
    pub(crate) fn pod_changed(&self, change: &Change<Pod>) {
        let pod = change.object();
        let mut state = self.0.lock();
        let gone = matches!(change, Change::Deleted(_)) || has_ended(pod);
        match node_of(pod) {
            _ if gone => state.remove(&ObjectKey::of(&**pod)),
            Some(node) => state.put(node.to_owned(), pod.clone()),
            // Not bound as far as the API server has told: an assumption stays until it is told or forgotten.
            None => {}
        }
    }

    /// Takes a Pod as bound before the API server says so.
    pub(crate) fn assume(&self, pod: Arc<Pod>, node: &str) {
        self.0.lock().put(node.to_owned(), pod);
    }

    /// Takes an assumption back: its binding failed.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }

    /// Whether the Pod is bound or assumed.
    pub(crate) fn holds(&self, key: &ObjectKey) -> bool {
        self.0.lock().bound.contains_key(key)
    }

    /// All Nodes, by name.
    pub(crate) fn snapshot(&self) -> Vec<NodeInfo> {
        let mut nodes: Vec<NodeInfo> = self.0.lock().nodes.values().cloned().collect();
        nodes.sort_by(|a, b| a.name().cmp(b.name()));
        nodes
    }
}

impl State {
    fn put(&mut self, node: String, pod: Arc<Pod>) {
        let key = ObjectKey::of(&*pod);
        self.remove(&key);
        if let Some(info) = self.nodes.get_mut(&node) {
            info.add(pod.clone());
        }
        self.bound.insert(key, (node, pod));
    }

    fn remove(&mut self, key: &ObjectKey) {
        if let Some((node, _)) = self.bound.remove(key)
            && let Some(info) = self.nodes.get_mut(&node)
        {
            info.remove(key);
        }
    }
}

/// The node that a Pod is bound to.
pub(crate) fn node_of(pod: &Pod) -> Option<&str> {
    pod.spec
        .as_ref()?
        .node_name
        .as_deref()
        .filter(|node| !node.is_empty())
}

/// Whether a Pod has ended and holds no resources any more.
pub(crate) fn has_ended(pod: &Pod) -> bool {
    let phase = pod
        .status
        .as_ref()
        .and_then(|status| status.phase.as_deref());
    matches!(phase, Some("Succeeded" | "Failed"))
}
