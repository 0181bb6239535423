//! Which Pods a term of Pod affinity or a constraint of topology spread means.

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use skiff_api::Selector;

use crate::cluster::Cluster;

/// A term of affinity to Pods, read once.
pub(super) struct Term {
    selector: Selector,
    namespaces: Vec<String>,
    namespace_selector: Option<Selector>,
    pub(super) topology_key: String,
}

impl Term {
    /// The term as the Pod `owner` means it.
    pub(super) fn of(term: &PodAffinityTerm, owner: &Pod) -> Self {
        let namespaces = term.namespaces.clone().unwrap_or_default();
        let own = || owner.metadata.namespace.iter().cloned().collect();
        Self {
            selector: selector(term.label_selector.as_ref()),
            namespaces: match (&term.namespace_selector, namespaces.is_empty()) {
                (None, true) => own(),
                _ => namespaces,
            },
            namespace_selector: term
                .namespace_selector
                .as_ref()
                .map(|of_namespaces| selector(Some(of_namespaces))),
            topology_key: term.topology_key.clone(),
        }
    }

    /// Whether the term means that Pod.
    pub(super) fn selects(&self, pod: &Pod, cluster: &Cluster) -> bool {
        self.is_in_namespaces(pod, cluster) && self.selector.matches(&pod.metadata.labels.as_ref())
    }

    fn is_in_namespaces(&self, pod: &Pod, cluster: &Cluster) -> bool {
        let Some(name) = &pod.metadata.namespace else {
            return false;
        };
        if self.namespaces.contains(name) {
            return true;
        }
        let Some(selector) = &self.namespace_selector else {
            return false;
        };
        let namespace = cluster.namespaces.get(name);
        let labels = namespace.and_then(|namespace| namespace.metadata.labels.as_ref());
        selector.matches(&labels)
    }
}

/// What a selector selects; one that is absent or cannot be read selects nothing. The API server has made expressions of
/// `matchLabelKeys` and `mismatchLabelKeys`.
pub(super) fn selector(selector: Option<&LabelSelector>) -> Selector {
    Selector::of(selector).unwrap_or_else(|_| Selector::nothing())
}
