//! What users are told when a condition of the node changes, in the kubelet's words (pkg/kubelet/nodestatus).

use k8s_openapi::api::core::v1::NodeCondition;
use skiff_client::EventType;

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
    let name = &host.config.node_name;
    let node = host.node_reference();
    for reason in reasons(old, new) {
        let message = format!("Node {name} status is now: {reason}");
        let recorder = &host.recorder;
        recorder.event(&node, EventType::Normal, reason, message);
    }
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
        ] {
            let told = reasons(&all(old.0, old.1), &all(new.0, new.1));
            assert_eq!(told, expected, "{old:?} to {new:?}");
        }
    }
}
