//! A node writes its own Node, its own Lease, and the status of its own Pods
//! (<https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#noderestriction>).

use serde_json::Value;
use skiff_api::{Descriptor, Status, metadata};

use super::{Part, Write};

/// Labels that say where Pods may go, which a node must not choose for itself.
const RESTRICTED: &str = "node-restriction.kubernetes.io/";
const LEASES: &str = "kube-node-lease";

/// Refuses a write by a node that is not its own to do.
pub(super) fn permit(node: &str, write: &Write<'_>) -> Result<(), Status> {
    let refused = match (
        write.descriptor.group.as_ref(),
        write.descriptor.plural.as_ref(),
    ) {
        ("", "nodes") => own_node(node, write),
        ("", "pods") => own_pod(node, write),
        ("coordination.k8s.io", "leases") => own_lease(node, write.new),
        _ => None,
    };
    match refused {
        Some(why) => Err(forbidden(write.descriptor, write.new, &why)),
        None => Ok(()),
    }
}

/// Refuses that a node deletes what is not its own.
pub(crate) fn permit_delete(
    node: &str,
    descriptor: &Descriptor,
    object: &Value,
) -> Result<(), Status> {
    let why = match (descriptor.group.as_ref(), descriptor.plural.as_ref()) {
        ("", "pods") if object["spec"]["nodeName"] != node => {
            format!("node {node:?} can only delete pods with spec.nodeName set to itself")
        }
        ("", "nodes") if metadata::name(object) != node => not_own(node, metadata::name(object)),
        _ => return Ok(()),
    };
    Err(forbidden(descriptor, object, &why))
}

fn forbidden(descriptor: &Descriptor, object: &Value, why: &str) -> Status {
    Status::forbidden(&descriptor.group_resource(), metadata::name(object), why)
}

fn not_own(node: &str, name: &str) -> String {
    format!("node {node:?} is not allowed to modify node {name:?}")
}

fn own_node(node: &str, write: &Write<'_>) -> Option<String> {
    let name = metadata::name(write.new);
    if name != node {
        return Some(not_own(node, name));
    }
    let labels = changed_labels(write.old.unwrap_or(&Value::Null), write.new);
    if !labels.is_empty() {
        let labels = labels.join(", ");
        return Some(format!("is not allowed to modify labels: {labels}"));
    }
    let taints_change = |old: &Value| old["spec"]["taints"] != write.new["spec"]["taints"];
    if write.part == Part::Main && write.old.is_some_and(taints_change) {
        return Some(format!("node {node:?} is not allowed to modify taints"));
    }
    None
}

/// The restricted labels that come, go or change.
fn changed_labels(old: &Value, new: &Value) -> Vec<String> {
    let labels = |node: &Value| node["metadata"]["labels"].as_object().cloned();
    let (old, new) = (
        labels(old).unwrap_or_default(),
        labels(new).unwrap_or_default(),
    );
    let mut changed: Vec<String> = old
        .keys()
        .chain(new.keys())
        .filter(|key| key.starts_with(RESTRICTED) && old.get(*key) != new.get(*key))
        .cloned()
        .collect();
    changed.dedup();
    changed
}

fn own_pod(node: &str, write: &Write<'_>) -> Option<String> {
    let on_node = |pod: &Value| pod["spec"]["nodeName"] == node;
    match (write.old, write.part) {
        (None, _) if metadata::annotation(write.new, "kubernetes.io/config.mirror").is_none() => {
            Some(format!(
                "pod does not have \"kubernetes.io/config.mirror\" annotation, node {node:?} can only create mirror pods"
            ))
        }
        (None, _) if !on_node(write.new) => Some(format!(
            "node {node:?} can only create pods with spec.nodeName set to itself"
        )),
        (Some(old), Part::Status) if !on_node(old) => Some(format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        )),
        _ => None,
    }
}

fn own_lease(node: &str, lease: &Value) -> Option<String> {
    if metadata::namespace(lease) != LEASES {
        let why = format!("can only access leases in the {LEASES:?} system namespace");
        return Some(why);
    }
    let why = "can only access node lease with the same name as the requesting node";
    (metadata::name(lease) != node).then(|| why.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use skiff_api::UserInfo;

    use super::*;

    fn refused(plural: (&str, &str), part: Part, old: Option<Value>, new: Value) -> String {
        let registry = skiff_api::builtin();
        let user = UserInfo::new("system:node:n1", ["system:nodes"]);
        let write = Write {
            user: &user,
            descriptor: registry.get(plural.0, "v1", plural.1).unwrap(),
            part,
            old: old.as_ref(),
            new: &new,
        };
        permit("n1", &write)
            .err()
            .map_or(String::new(), |status| status.message)
    }

    #[test]
    fn a_node_writes_what_is_its_own() {
        let named =
            |name: &str| json!({"metadata": {"name": name, "namespace": "kube-node-lease"}});
        let pod = |node: &str| json!({"metadata": {"name": "p"}, "spec": {"nodeName": node}});
        let (nodes, pods) = (("", "nodes"), ("", "pods"));
        let leases = ("coordination.k8s.io", "leases");
        let mut labelled = named("n1");
        labelled["metadata"]["labels"] = json!({"node-restriction.kubernetes.io/zone": "a"});
        let cases = [
            (nodes, Part::Main, None, named("n1"), ""),
            (
                nodes,
                Part::Main,
                None,
                named("n2"),
                "nodes \"n2\" is forbidden: node \"n1\" is not allowed to modify node \"n2\"",
            ),
            (
                nodes,
                Part::Main,
                Some(named("n1")),
                labelled,
                "nodes \"n1\" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/zone",
            ),
            (pods, Part::Status, Some(pod("n1")), pod("n1"), ""),
            (
                pods,
                Part::Status,
                Some(pod("n2")),
                pod("n2"),
                "pods \"p\" is forbidden: node \"n1\" can only update pod status for pods with spec.nodeName set to itself",
            ),
            (
                pods,
                Part::Main,
                None,
                pod("n1"),
                "pods \"p\" is forbidden: pod does not have \"kubernetes.io/config.mirror\" annotation, node \"n1\" can only create mirror pods",
            ),
            (leases, Part::Main, None, named("n1"), ""),
            (
                leases,
                Part::Main,
                None,
                named("n2"),
                "leases.coordination.k8s.io \"n2\" is forbidden: can only access node lease with the same name as the requesting node",
            ),
        ];
        for (kind, part, old, new, expected) in cases {
            assert_eq!(refused(kind, part, old, new), expected);
        }
    }
}
