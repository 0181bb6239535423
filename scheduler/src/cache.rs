//! The Nodes and their Pods as the informers tell them, and the Pods assumed while their binding is on its way.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::ResourceExt;
use parking_lot::Mutex;
use skiff_client::{Change, ObjectKey};
use tokio::time::Instant;

use crate::cluster::Cluster;
use crate::node_info::NodeInfo;

/// What the scheduler knows of the cluster. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Cache(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Shared with the placement that looks at them, and copied one by one when they change under it.
    nodes: BTreeMap<String, Arc<NodeInfo>>,
    namespaces: Arc<BTreeMap<String, Arc<Namespace>>>,
    /// Pods without a node for which room is being made on one.
    nominated: HashMap<ObjectKey, (String, Arc<Pod>)>,
    /// Each Pod that is bound or assumed; the Pod may be told before its node.
    bound: HashMap<ObjectKey, Bound>,
}

struct Bound {
    node: String,
    pod: Arc<Pod>,
    since: Instant,
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
        for bound in state.bound.values().filter(|bound| bound.node == name) {
            info.add(bound.pod.clone());
        }
        state.nodes.insert(name, Arc::new(info));
    }

    /// Follows a change of a Namespace.
    pub(crate) fn namespace_changed(&self, change: &Change<Namespace>) {
        let mut state = self.0.lock();
        let namespaces = Arc::make_mut(&mut state.namespaces);
        let name = change.object().name_any();
        match change {
            Change::Deleted(_) => namespaces.remove(&name),
            _ => namespaces.insert(name, change.object().clone()),
        };
    }

    /// Follows a change of a Pod.
    pub(crate) fn pod_changed(&self, change: &Change<Pod>) {
        let pod = change.object();
        let key = ObjectKey::of(&**pod);
        let mut state = self.0.lock();
        state.nominated.remove(&key);
        if matches!(change, Change::Deleted(_)) || has_ended(pod) {
            state.remove(&key);
        } else if let Some(node) = node_of(pod) {
            state.put(node.to_owned(), pod.clone());
        } else if let Some(node) = nominated_node(pod) {
            // Not bound as far as the API server has told: an assumption stays until it is told or forgotten.
            state.nominated.insert(key, (node.to_owned(), pod.clone()));
        }
    }

    /// Takes a Pod as bound before the API server says so.
    pub(crate) fn assume(&self, pod: Arc<Pod>, node: &str) {
        self.0.lock().put(node.to_owned(), pod);
    }

    /// Takes an assumption back: its binding failed. A binding that the API server has told of stays.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        let mut state = self.0.lock();
        let assumed = |bound: &Bound| node_of(&bound.pod).is_none();
        if state.bound.get(key).is_some_and(assumed) {
            state.remove(key);
        }
    }

    /// The node that the Pod is bound to or assumed to be, and since when.
    pub(crate) fn node_of(&self, key: &ObjectKey) -> Option<(String, Instant)> {
        let state = self.0.lock();
        let bound = state.bound.get(key)?;
        Some((bound.node.clone(), bound.since))
    }

    /// The cluster as it is now.
    pub(crate) fn cluster(&self) -> Cluster {
        let state = self.0.lock();
        let nominated = state.nominated.iter();
        // Pods that are assumed to be there take their room there already.
        let coming = nominated.filter(|(key, _)| !state.bound.contains_key(*key));
        Cluster {
            nodes: state.nodes.values().cloned().collect(),
            namespaces: state.namespaces.clone(),
            nominated: Arc::new(coming.map(|(_, coming)| coming.clone()).collect()),
        }
    }
}

impl State {
    fn put(&mut self, node: String, pod: Arc<Pod>) {
        let key = ObjectKey::of(&*pod);
        self.remove(&key);
        if let Some(info) = self.nodes.get_mut(&node) {
            Arc::make_mut(info).add(pod.clone());
        }
        let since = Instant::now();
        self.bound.insert(key, Bound { node, pod, since });
    }

    fn remove(&mut self, key: &ObjectKey) {
        let Some(Bound { node, .. }) = self.bound.remove(key) else {
            return;
        };
        if let Some(info) = self.nodes.get_mut(&node) {
            Arc::make_mut(info).remove(key);
        }
    }
}

/// The node on which room is being made for a Pod.
pub(crate) fn nominated_node(pod: &Pod) -> Option<&str> {
    let status = pod.status.as_ref()?;
    let node = status.nominated_node_name.as_deref()?;
    Some(node).filter(|node| !node.is_empty())
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
        let nodes = cache.cluster().nodes;
        nodes.iter().map(|node| node.requested.get("cpu")).sum()
    }

    #[test]
    fn an_assumed_pod_takes_room_until_it_is_forgotten() {
        let cache = with_node();
        cache.assume(pod("", "Pending"), "n");
        assert!(cache.node_of(&key()).is_some_and(|(node, _)| node == "n"));
        assert_eq!(cpu_in_use(&cache), 1000);
        cache.forget(&key());
        assert!(cache.node_of(&key()).is_none());
        assert_eq!(cpu_in_use(&cache), 0);
    }

    #[test]
    fn a_binding_that_was_told_is_not_forgotten_with_the_assumption() {
        let cache = with_node();
        cache.assume(pod("", "Pending"), "n");
        cache.pod_changed(&Change::Added(pod("n", "Pending")));
        cache.forget(&key());
        assert!(cache.node_of(&key()).is_some_and(|(node, _)| node == "n"));
        assert_eq!(cpu_in_use(&cache), 1000);
    }

    #[test]
    fn a_pod_that_leaves_its_node_makes_room() {
        let ended = Change::Updated {
            old: pod("n", "Running"),
            new: pod("n", "Succeeded"),
        };
        let cases = [
            (pod("n", "Running"), ended),
            (pod("n", "Running"), Change::Deleted(pod("n", "Running"))),
            // Its binding was not told before it was deleted.
            (pod("", "Pending"), Change::Deleted(pod("", "Pending"))),
        ];
        for (held, change) in cases {
            let cache = with_node();
            cache.assume(held, "n");
            cache.pod_changed(&change);
            assert_eq!(cpu_in_use(&cache), 0, "{change:?}");
        }
    }

    #[test]
    fn a_placement_keeps_the_cluster_it_looks_at() {
        let cache = with_node();
        let seen = cache.cluster();
        cache.assume(pod("", "Pending"), "n");
        assert_eq!(seen.nodes[0].pods.len(), 0);
        assert_eq!(cache.cluster().nodes[0].pods.len(), 1);
    }

    #[test]
    fn room_is_kept_for_the_pod_it_is_made_for_until_that_comes() {
        let cache = with_node();
        let mut coming = (*pod("", "Pending")).clone();
        coming.status.get_or_insert_default().nominated_node_name = Some("n".to_owned());
        cache.pod_changed(&Change::Added(Arc::new(coming)));
        assert_eq!(cache.cluster().nominated.len(), 1);
        cache.pod_changed(&Change::Added(pod("n", "Pending")));
        assert_eq!(cache.cluster().nominated.len(), 0);
    }
}
