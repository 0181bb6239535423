//! A Node and what it carries.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{ContainerPort, Node, Pod};
use skiff_client::ObjectKey;

use crate::resources::{Resources, pod_requests};

/// A Node with the Pods bound to it, or assumed to be.
#[derive(Clone)]
pub(crate) struct NodeInfo {
    pub(crate) node: Arc<Node>,
    pub(crate) allocatable: Resources,
    pub(crate) requested: Resources,
    pub(crate) pods: HashMap<ObjectKey, Arc<Pod>>,
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
            pods: HashMap::new(),
        }
    }

    pub(crate) fn name(&self) -> &str {
        self.node.metadata.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn add(&mut self, pod: Arc<Pod>) {
        self.remove(&ObjectKey::of(&*pod));
        self.requested.add(&pod_requests(&pod));
        self.pods.insert(ObjectKey::of(&*pod), pod);
    }

    pub(crate) fn remove(&mut self, key: &ObjectKey) {
        if let Some(pod) = self.pods.remove(key) {
            self.requested.subtract(&pod_requests(&pod));
        }
    }
}

/// The ports of the host that a Pod wants while it runs: the `hostPort`s of its containers and sidecars.
pub(crate) fn host_ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    let spec = pod.spec.iter();
    let containers = spec.flat_map(|spec| {
        let sidecars = spec.init_containers.iter().flatten();
        spec.containers.iter().chain(
            sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always")),
        )
    });
    containers
        .flat_map(|container| container.ports.iter().flatten())
        .filter(|port| port.host_port.unwrap_or(0) > 0)
}
