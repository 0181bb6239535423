//! Pods and Namespaces as policies see them, and which of them a peer means: pure.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use k8s_openapi::api::core::v1::{Namespace, Pod as ApiPod};
use k8s_openapi::api::networking::v1::NetworkPolicyPeer;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use skiff_api::Selector;

use crate::model::Protocol;

type Labels = BTreeMap<String, String>;

/// A Pod with an address of its own.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) namespace: String,
    pub(super) labels: Labels,
    pub(super) address: Ipv4Addr,
    pub(super) node: String,
    pub(super) ports: Vec<(String, Protocol, u16)>,
}

impl Pod {
    /// Nothing for a Pod that has no address, shares the node's, or has ended: another may have its address.
    pub(super) fn of(pod: &ApiPod) -> Option<Self> {
        let (spec, status) = (pod.spec.as_ref()?, pod.status.as_ref()?);
        let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        if ended || spec.host_network == Some(true) {
            return None;
        }
        let sidecars = spec.init_containers.iter().flatten();
        let ports = spec.containers.iter().chain(sidecars);
        let ports = ports.flat_map(|container| container.ports.iter().flatten());
        let named = ports.filter_map(|port| {
            let number = u16::try_from(port.container_port).ok()?;
            Some((
                port.name.clone()?,
                Protocol::of(port.protocol.as_deref()),
                number,
            ))
        });
        Some(Self {
            namespace: pod.metadata.namespace.clone()?,
            labels: pod.metadata.labels.clone().unwrap_or_default(),
            address: status.pod_ip.as_deref()?.parse().ok()?,
            node: spec.node_name.clone()?,
            ports: named.collect(),
        })
    }
}

/// All there is in the cluster.
#[derive(Debug, Default)]
pub(super) struct Cluster {
    pub(super) pods: Vec<Pod>,
    namespaces: BTreeMap<String, Labels>,
}

impl Cluster {
    pub(super) fn new<'a>(
        pods: impl IntoIterator<Item = &'a ApiPod>,
        namespaces: impl IntoIterator<Item = &'a Namespace>,
    ) -> Self {
        let labelled = |namespace: &Namespace| {
            let meta = &namespace.metadata;
            Some((meta.name.clone()?, meta.labels.clone().unwrap_or_default()))
        };
        Self {
            pods: pods.into_iter().filter_map(Pod::of).collect(),
            namespaces: namespaces.into_iter().filter_map(labelled).collect(),
        }
    }

    /// The Pods of a namespace that a selector names; an absent one names none.
    pub(super) fn in_namespace<'a>(
        &'a self,
        namespace: &'a str,
        selector: Option<&LabelSelector>,
    ) -> impl Iterator<Item = &'a Pod> {
        let selector = parsed(selector);
        let all = self.pods.iter();
        all.filter(move |pod| pod.namespace == namespace && selector.matches(&Some(&pod.labels)))
    }

    /// The Pods that a peer of a policy in `namespace` means (networking/v1 NetworkPolicyPeer).
    pub(super) fn of_peer<'a>(
        &'a self,
        namespace: &'a str,
        peer: &NetworkPolicyPeer,
    ) -> impl Iterator<Item = &'a Pod> {
        let namespaces = peer
            .namespace_selector
            .as_ref()
            .map(|selector| parsed(Some(selector)));
        let pods = match &peer.pod_selector {
            Some(selector) => parsed(Some(selector)),
            None => Selector::everything(),
        };
        let all = self.pods.iter();
        all.filter(move |pod| {
            let inside = match &namespaces {
                None => pod.namespace == namespace,
                Some(selector) => {
                    let labels = self.namespaces.get(&pod.namespace);
                    labels.is_some_and(|labels| selector.matches(&Some(labels)))
                }
            };
            inside && pods.matches(&Some(&pod.labels))
        })
    }
}

/// The API server lets no other in than those that follow the rules.
fn parsed(selector: Option<&LabelSelector>) -> Selector {
    Selector::of(selector).unwrap_or_else(|_| Selector::nothing())
}
