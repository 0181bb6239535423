//! The Pods of a DaemonSet: each is bound to one node by its affinity, so that the scheduler places it
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/daemonset/#how-daemon-pods-are-scheduled>).

use k8s_openapi::api::apps::v1::DaemonSet;
use k8s_openapi::api::core::v1::{
    NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, Pod, PodSpec, Toleration,
};
use kube::ResourceExt;

use crate::ownership::controller_reference;
use crate::pods::{from_template, node_of};

/// The label of a Pod that holds the hash of its revision.
pub(super) const REVISION: &str = "controller-revision-hash";
const GENERATION: &str = "pod-template-generation";
/// Counts the changes of the template; Pods are labelled with it.
const GENERATION_OF_SET: &str = "deprecated.daemonset.template.generation";
const NODE_NAME: &str = "metadata.name";

/// What a daemon bears: it runs on nodes that are not ready, under pressure or closed to others.
const TOLERATED: [(&str, &str); 6] = [
    ("node.kubernetes.io/not-ready", "NoExecute"),
    ("node.kubernetes.io/unreachable", "NoExecute"),
    ("node.kubernetes.io/disk-pressure", "NoSchedule"),
    ("node.kubernetes.io/memory-pressure", "NoSchedule"),
    ("node.kubernetes.io/pid-pressure", "NoSchedule"),
    ("node.kubernetes.io/unschedulable", "NoSchedule"),
];
/// What a daemon in the host's network bears besides.
const NO_NETWORK: (&str, &str) = ("node.kubernetes.io/network-unavailable", "NoSchedule");

/// The Pod for a node, of the revision with that hash.
pub(super) fn pod(set: &DaemonSet, hash: &str, node: &str) -> Pod {
    let mut pod = untargeted(set, hash);
    if let Some(spec) = &mut pod.spec {
        target(spec, node);
    }
    pod
}

/// The Pod without its node: what all nodes are held against.
pub(super) fn untargeted(set: &DaemonSet, hash: &str) -> Pod {
    let template = set.spec.as_ref().map(|spec| spec.template.clone());
    let namespace = set.namespace().unwrap_or_default();
    let owner = controller_reference(set);
    let mut pod = from_template(&template.unwrap_or_default(), &namespace, owner);
    pod.labels_mut()
        .insert(REVISION.to_owned(), hash.to_owned());
    if let Some(generation) = set.annotations().get(GENERATION_OF_SET).cloned() {
        pod.labels_mut().insert(GENERATION.to_owned(), generation);
    }
    if let Some(spec) = &mut pod.spec {
        tolerate(spec);
    }
    pod
}

fn tolerate(spec: &mut PodSpec) {
    let in_host_network = spec.host_network == Some(true);
    let more = in_host_network.then_some(NO_NETWORK);
    let tolerations = spec.tolerations.get_or_insert_default();
    for (key, effect) in TOLERATED.into_iter().chain(more) {
        let toleration = Toleration {
            key: Some(key.to_owned()),
            operator: Some("Exists".to_owned()),
            effect: Some(effect.to_owned()),
            ..Toleration::default()
        };
        if !tolerations.contains(&toleration) {
            tolerations.push(toleration);
        }
    }
}

/// Replaces the terms of the required node affinity: the node fits them already.
fn target(spec: &mut PodSpec, node: &str) {
    let requirement = NodeSelectorRequirement {
        key: NODE_NAME.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.to_owned()]),
    };
    let term = NodeSelectorTerm {
        match_fields: Some(vec![requirement]),
        match_expressions: None,
    };
    let affinity = spec.affinity.get_or_insert_default();
    let affinity = affinity.node_affinity.get_or_insert_default();
    affinity.required_during_scheduling_ignored_during_execution = Some(NodeSelector {
        node_selector_terms: vec![term],
    });
}

/// The node that a Pod is on, or for.
pub(super) fn target_of(pod: &Pod) -> Option<&str> {
    node_of(pod).or_else(|| {
        let affinity = pod
            .spec
            .as_ref()?
            .affinity
            .as_ref()?
            .node_affinity
            .as_ref()?;
        let required = affinity
            .required_during_scheduling_ignored_during_execution
            .as_ref()?;
        let fields = required
            .node_selector_terms
            .iter()
            .flat_map(|term| term.match_fields.iter().flatten());
        let names = fields
            .filter(|field| field.key == NODE_NAME)
            .find_map(|field| field.values.as_ref())?;
        names.first().map(String::as_str)
    })
}

/// The hash of the revision that a Pod is of.
pub(super) fn hash_of(pod: &Pod) -> &str {
    pod.labels()
        .get(REVISION)
        .map(String::as_str)
        .unwrap_or_default()
}
