//! Which Pods a term of Pod affinity or a constraint of topology spread means.

use k8s_openapi::api::core::v1::{Pod, PodAffinityTerm};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
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
            selector: selector(
                term.label_selector.as_ref(),
                owner,
                term.match_label_keys.as_deref().unwrap_or_default(),
                term.mismatch_label_keys.as_deref().unwrap_or_default(),
            ),
            namespaces: match (&term.namespace_selector, namespaces.is_empty()) {
                (None, true) => own(),
                _ => namespaces,
            },
            namespace_selector: term.namespace_selector.as_ref().map(|selector| {
                Selector::of(Some(selector)).unwrap_or_else(|_| Selector::nothing())
            }),
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

/// The selector of a term, together with the keys whose values it takes from the Pod that has the term; what cannot be
/// read selects nothing.
pub(super) fn selector(
    selector: Option<&LabelSelector>,
    owner: &Pod,
    match_keys: &[String],
    mismatch_keys: &[String],
) -> Selector {
    let Some(selector) = selector else {
        return Selector::nothing();
    };
    let mut selector = selector.clone();
    let labels = owner.metadata.labels.as_ref();
    let keys = match_keys.iter().map(|key| (key, "In"));
    for (key, operator) in keys.chain(mismatch_keys.iter().map(|key| (key, "NotIn"))) {
        if let Some(value) = labels.and_then(|labels| labels.get(key)) {
            let requirement = LabelSelectorRequirement {
                key: key.clone(),
                operator: operator.to_owned(),
                values: Some(vec![value.clone()]),
            };
            selector
                .match_expressions
                .get_or_insert_default()
                .push(requirement);
        }
    }
    Selector::of(Some(&selector)).unwrap_or_else(|_| Selector::nothing())
}
