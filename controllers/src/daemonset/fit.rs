//! Which nodes a daemon runs on: it goes by node name, selector, affinity and taints, and not by room.

use k8s_openapi::api::core::v1::{Node, Pod, Taint};
use kube::ResourceExt;
use skiff_api::node_selector_matches;

use crate::pods::tolerates;

/// How a node and a daemon fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    /// It runs there.
    Runs,
    /// It stays if it is there, and does not start: a taint keeps new Pods away.
    Stays,
    /// It must not be there.
    No,
}

/// Holds a node against the daemon's Pod.
pub(super) fn fit(pod: &Pod, node: &Node) -> Fit {
    if !is_chosen(pod, node) {
        return Fit::No;
    }
    let borne = |effect: &str| {
        let taints = node
            .spec
            .iter()
            .flat_map(|spec| spec.taints.iter().flatten());
        let of_effect = taints.filter(|taint| taint.effect == effect);
        of_effect.into_iter().all(|taint| bears(pod, taint))
    };
    match (borne("NoExecute"), borne("NoSchedule")) {
        (false, _) => Fit::No,
        (true, false) => Fit::Stays,
        (true, true) => Fit::Runs,
    }
}

fn bears(pod: &Pod, taint: &Taint) -> bool {
    let tolerations = pod
        .spec
        .iter()
        .flat_map(|spec| spec.tolerations.iter().flatten());
    tolerations
        .into_iter()
        .any(|toleration| tolerates(toleration, taint))
}

fn is_chosen(pod: &Pod, node: &Node) -> bool {
    let Some(spec) = &pod.spec else { return false };
    let named = spec.node_name.as_deref().filter(|name| !name.is_empty());
    let labels = node.labels();
    let mut selector = spec.node_selector.iter().flatten();
    let affinity = spec
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    let required = affinity.and_then(|affinity| {
        affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()
    });
    named.is_none_or(|name| name == node.name_any())
        && selector.all(|(key, value)| labels.get(key) == Some(value))
        && required.is_none_or(|required| node_selector_matches(required, node))
}
