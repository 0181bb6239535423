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

    /// Follows a change of a Pod. Says whether the Pod left a Node, whose room others may have waited for.
    pub(crate) fn pod_changed(&self, change: &Change<Pod>) -> bool {
        let pod = change.object();
        let mut state = self.0.lock();
        let gone = matches!(change, Change::Deleted(_)) || has_ended(pod);
        match node_of(pod) {
            _ if gone => return state.remove(&ObjectKey::of(&**pod)),
            Some(node) => state.put(node.to_owned(), pod.clone()),
            // Not bound as far as the API server has told: an assumption stays until it is told or forgotten.
            None => {}
        }
        false
    }

    /// Takes a Pod as bound before the API server says so.
    pub(crate) fn assume(&self, pod: Arc<Pod>, node: &str) {
        self.0.lock().put(node.to_owned(), pod);
    }

    /// Takes an assumption back: its binding failed. A binding that the API server has told of stays.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        let mut state = self.0.lock();
        let assumed = |(_, pod): &(String, Arc<Pod>)| node_of(pod).is_none();
        if state.bound.get(key).is_some_and(assumed) {
            state.remove(key);
        }
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

    /// Whether there was such a Pod.
    fn remove(&mut self, key: &ObjectKey) -> bool {
        let Some((node, _)) = self.bound.remove(key) else {
            return false;
        };
        if let Some(info) = self.nodes.get_mut(&node) {
            info.remove(key);
        }
        true
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn key() -> ObjectKey {
        ObjectKey::new("default", "p")
    }

    fn pod(node: &str, phase: &str) -> Arc<Pod> {
        let requests = json!({ "requests": { "cpu": "1" } });
        let pod = json!({
            "metadata": { "name": "p", "namespace": "default" },
            "spec": { "nodeName": node, "containers": [{ "name": "c", "resources": requests }] },
            "status": { "phase": phase },
        });
        Arc::new(serde_json::from_value(pod).expect("a Pod"))
    }

    fn with_node() -> Cache {
        let cache = Cache::default();
        let node = json!({ "metadata": { "name": "n" } });
        let node = serde_json::from_value(node).expect("a Node");
        cache.node_changed(&Change::Added(Arc::new(node)));
        cache
    }

    fn cpu_in_use(cache: &Cache) -> i64 {
        cache
            .snapshot()
            .iter()
            .map(|node| node.requested.get("cpu"))
            .sum()
    }

    #[test]
    fn an_assumed_pod_takes_room_until_it_is_forgotten() {
        let cache = with_node();
        cache.assume(pod("", "Pending"), "n");
        assert!(cache.holds(&key()));
        assert_eq!(cpu_in_use(&cache), 1000);
        cache.forget(&key());
        assert!(!cache.holds(&key()));
        assert_eq!(cpu_in_use(&cache), 0);
    }

    #[test]
    fn a_binding_that_was_told_is_not_forgotten_with_the_assumption() {
        let cache = with_node();
        cache.assume(pod("", "Pending"), "n");
        cache.pod_changed(&Change::Added(pod("n", "Pending")));
        cache.forget(&key());
        assert!(cache.holds(&key()));
        assert_eq!(cpu_in_use(&cache), 1000);
    }

    #[test]
    fn a_pod_that_leaves_its_node_makes_room_once() {
        let updated = |new: &Arc<Pod>| Change::Updated {
            old: pod("n", "Running"),
            new: new.clone(),
        };
        let cases = [
            (pod("n", "Running"), updated(&pod("n", "Succeeded"))),
            (pod("n", "Running"), Change::Deleted(pod("n", "Running"))),
            // Its binding was not told before it was deleted.
            (pod("", "Pending"), Change::Deleted(pod("", "Pending"))),
        ];
        for (held, change) in cases {
            let cache = with_node();
            cache.assume(held, "n");
            assert!(cache.pod_changed(&change), "{change:?}");
            assert_eq!(cpu_in_use(&cache), 0);
            assert!(!cache.pod_changed(&change), "{change:?} again");
        }
        let unknown = Change::Deleted(pod("", "Pending"));
        assert!(!with_node().pod_changed(&unknown), "it had no room");
        assert!(!with_node().pod_changed(&Change::Added(pod("n", "Running"))));
    }
}
