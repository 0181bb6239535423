//! What users are told of the node, in the kubelet's words (pkg/kubelet/nodestatus).

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeCondition, ObjectReference};
use skiff_client::{Change, EventType, Informer, Recorder};

use crate::host::Host;

/// A condition, and the reasons of the events when it becomes true and false.
const TOLD: [(&str, &str, &str); 4] = [
    (
        "MemoryPressure",
        "NodeHasInsufficientMemory",
        "NodeHasSufficientMemory",
    ),
    (
        "DiskPressure",
        "NodeHasDiskPressure",
        "NodeHasNoDiskPressure",
    ),
    (
        "PIDPressure",
        "NodeHasInsufficientPID",
        "NodeHasSufficientPID",
    ),
    ("Ready", "NodeReady", "NodeNotReady"),
];

/// Tells of the conditions that are not as they were.
pub(super) fn tell(host: &Host, old: &[NodeCondition], new: &[NodeCondition]) {
    for reason in reasons(old, new) {
        tell_status(&host.recorder, &host.node_reference(), reason);
    }
}

/// Tells that a kubelet has started, and of all conditions but the readiness that the API server knows already. `boot_id` is the
/// one that the API server knows.
pub(super) fn introduce(
    host: &Host,
    started: Timestamp,
    boot_id: &str,
    old: &[NodeCondition],
    new: &[NodeCondition],
) {
    let (node, recorder) = (host.node_reference(), &host.recorder);
    let (name, booted) = (&host.config.node_name, &host.machine.boot_id);
    let starting = "Starting kubelet.";
    recorder.event_at(started, &node, EventType::Normal, "Starting", starting);
    if !boot_id.is_empty() && boot_id != booted {
        let message = format!("Node {name} has been rebooted, boot id: {booted}");
        recorder.event(&node, EventType::Warning, "Rebooted", message);
    }
    let enforced = "Updated Node Allocatable limit across pods";
    recorder.event(
        &node,
        EventType::Normal,
        "NodeAllocatableEnforced",
        enforced,
    );
    let ready = old.iter().filter(|one| one.type_ == "Ready").cloned();
    tell(host, &ready.collect::<Vec<_>>(), new);
}

/// Tells when the node is closed to new Pods and opened again.
pub(super) fn follow_cordon(host: &Host, nodes: &Informer<Node>) {
    let (recorder, reference) = (host.recorder.clone(), host.node_reference());
    let is_closed = |node: &Node| {
        let spec = node.spec.as_ref();
        spec.and_then(|spec| spec.unschedulable) == Some(true)
    };
    nodes.on_change(move |change| {
        let (was_closed, node) = match change {
            Change::Added(node) => (false, node),
            Change::Updated { old, new } => (is_closed(old), new),
            Change::Deleted(_) => return,
        };
        if node.metadata.name != reference.name {
            return;
        }
        match (was_closed, is_closed(node)) {
            (false, true) => tell_status(&recorder, &reference, "NodeNotSchedulable"),
            (true, false) => tell_status(&recorder, &reference, "NodeSchedulable"),
            _ => {}
        }
    });
}

fn tell_status(recorder: &Recorder, node: &ObjectReference, reason: &str) {
    let name = node.name.as_deref().unwrap_or_default();
    let message = format!("Node {name} status is now: {reason}");
    recorder.event(node, EventType::Normal, reason, message);
}

fn reasons(old: &[NodeCondition], new: &[NodeCondition]) -> Vec<&'static str> {
    let status = |all: &[NodeCondition], name: &str| {
        let found = all.iter().find(|one| one.type_ == name);
        found.map(|one| one.status.clone())
    };
    let changed = TOLD
        .iter()
        .filter(|(name, _, _)| status(old, name) != status(new, name));
    changed
        .map(|(name, yes, no)| match status(new, name).as_deref() {
            Some("True") => *yes,
            _ => *no,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_and_what_stays_is_not() {
        let all = |disk: &str, ready: &str| {
            let of = |name: &str, status: &str| NodeCondition {
                type_: name.to_owned(),
                status: status.to_owned(),
                ..NodeCondition::default()
            };
            let others = [of("MemoryPressure", "False"), of("PIDPressure", "False")];
            [
                others.to_vec(),
                vec![of("DiskPressure", disk), of("Ready", ready)],
            ]
            .concat()
        };
        for (old, new, expected) in [
            (("False", "True"), ("False", "True"), vec![]),
            (
                ("False", "True"),
                ("True", "True"),
                vec!["NodeHasDiskPressure"],
            ),
            (
                ("True", "True"),
                ("False", "True"),
                vec!["NodeHasNoDiskPressure"],
            ),
            (
                ("Unknown", "Unknown"),
                ("False", "True"),
                vec!["NodeHasNoDiskPressure", "NodeReady"],
            ),
            (("False", "True"), ("False", "False"), vec!["NodeNotReady"]),
            // A kubelet that has started tells of what was not known.
            (("", "True"), ("True", "True"), vec!["NodeHasDiskPressure"]),
        ] {
            let told = reasons(&all(old.0, old.1), &all(new.0, new.1));
            assert_eq!(told, expected, "{old:?} to {new:?}");
        }
    }
}
