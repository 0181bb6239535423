//! Nodes.

use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::{items, or, or_none, text};
use super::common::checks;
use super::common::defaults::{default_to, existing, pair};
use super::common::{Field, cells, describe, quantities};
use super::pod_spec;
use crate::field::Errors;
use crate::{Column, Descriptor, Strategy, metadata, names};

pub(super) fn descriptor() -> Descriptor {
    Descriptor {
        short_names: describe::short("no"),
        subresources: describe::status(),
        ..describe::cluster(describe::CORE, "Node", "nodes", Node)
    }
}

pub(super) struct Node;

impl Strategy for Node {
    fn default(&self, node: &mut Value) {
        if let Some(spec) = existing(node, "spec") {
            pair(spec, "podCIDR", "podCIDRs");
        }
        let Some(status) = existing(node, "status") else {
            return;
        };
        if status["capacity"].is_object() {
            let capacity = status["capacity"].clone();
            default_to(status, "allocatable", capacity);
        }
    }

    fn validate(&self, node: &Value) -> Errors {
        let mut errors = Errors::new();
        let spec = Field::root(node).get("spec");
        pod_spec::taints(&spec.get("taints"), &mut errors);
        for cidr in spec.get("podCIDRs").items() {
            checks::name(&cidr, names::cidr, &mut errors);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new).get("spec"), Field::root(old).get("spec"));
        for (field, called) in [("podCIDRs", "podCIDR"), ("providerID", "providerID")] {
            let (new, old) = (new.get(field), old.get(field));
            if !old.is_empty() && new.value() != old.value() {
                let words =
                    format!("node updates may not change {called} except from \"\" to valid");
                errors.push(new.forbidden(words));
            }
        }
        let (id, old_id) = (new.get("externalID"), old.get("externalID"));
        if id.str() != old_id.str() {
            errors.push(id.forbidden("may not be updated"));
        }
        errors
    }

    fn validate_status(&self, new: &Value, _old: &Value) -> Errors {
        let mut errors = Errors::new();
        let status = Field::root(new).get("status");
        for list in ["capacity", "allocatable"] {
            for (_, amount) in status.get(list).entries() {
                quantities::non_negative(&amount, &mut errors);
            }
        }
        let mut seen = checks::Seen::new();
        for address in status.get("addresses").items() {
            let (kind, text) = (address.get("type").str(), address.get("address").str());
            seen.add((kind, text), &address, &mut errors);
        }
        errors
    }

    fn selectable_field(&self, node: &Value, field: &str) -> Option<String> {
        (field == "spec.unschedulable").then(|| is_cordoned(node).to_string())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Status", "string"),
            Column::new("Roles", "string"),
            cells::age_column(),
            Column::new("Version", "string"),
            Column::wide("Internal-IP", "string"),
            Column::wide("External-IP", "string"),
            Column::wide("OS-Image", "string"),
            Column::wide("Kernel-Version", "string"),
            Column::wide("Container-Runtime", "string"),
        ]
    }

    fn cells(&self, node: &Value, now: Timestamp) -> Vec<Value> {
        let info = |field: &str| text(&node["status"]["nodeInfo"], field);
        vec![
            cells::name(node),
            readiness(node).into(),
            roles(node).into(),
            cells::age(node, now),
            info("/kubeletVersion").into(),
            or_none(address(node, "InternalIP")).into(),
            or_none(address(node, "ExternalIP")).into(),
            or(info("/osImage"), "<unknown>").into(),
            or(info("/kernelVersion"), "<unknown>").into(),
            or(info("/containerRuntimeVersion"), "<unknown>").into(),
        ]
    }
}

fn is_cordoned(node: &Value) -> bool {
    node["spec"]["unschedulable"] == true
}

fn readiness(node: &Value) -> String {
    let mut conditions = items(node, "/status/conditions").iter();
    let ready = conditions.find(|condition| condition["type"] == "Ready");
    let word = match ready {
        Some(condition) if condition["status"] == "True" => "Ready",
        Some(_) => "NotReady",
        None => "Unknown",
    };
    match is_cordoned(node) {
        true => format!("{word},SchedulingDisabled"),
        false => word.to_owned(),
    }
}

/// From labels `node-role.kubernetes.io/worker` and `kubernetes.io/role=worker`.
fn roles(node: &Value) -> String {
    let labels = metadata::labels(node).into_iter().flatten();
    let mut roles: Vec<&str> = labels
        .filter_map(|(key, value)| match key.as_str() {
            "kubernetes.io/role" => value.as_str(),
            key => key.strip_prefix("node-role.kubernetes.io/"),
        })
        .filter(|role| !role.is_empty())
        .collect();
    roles.sort_unstable();
    roles.dedup();
    or_none(&roles.join(",")).to_owned()
}

fn address<'a>(node: &'a Value, kind: &str) -> &'a str {
    let mut addresses = items(node, "/status/addresses").iter();
    let address = addresses.find(|address| address["type"] == kind);
    address.map_or("", |address| text(address, "/address"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, update_errors};

    #[test]
    fn a_node_in_the_list() {
        let node = json!({
            "metadata": {
                "name": "n1", "creationTimestamp": "2026-01-01T00:00:00Z",
                "labels": {"node-role.kubernetes.io/worker": "", "node-role.kubernetes.io/control-plane": ""},
            },
            "spec": {"unschedulable": true},
            "status": {
                "conditions": [{"type": "Ready", "status": "True"}],
                "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}],
                "nodeInfo": {"kubeletVersion": "v1.36.0", "osImage": "Debian GNU/Linux 12 (bookworm)"},
            },
        });
        let row = [
            ("Name", json!("n1")),
            ("Status", json!("Ready,SchedulingDisabled")),
            ("Roles", json!("control-plane,worker")),
            ("Age", json!("5m")),
            ("Version", json!("v1.36.0")),
            ("Internal-IP", json!("10.0.0.2")),
            ("External-IP", json!("<none>")),
            ("OS-Image", json!("Debian GNU/Linux 12 (bookworm)")),
            ("Kernel-Version", json!("<unknown>")),
            ("Container-Runtime", json!("<unknown>")),
        ];
        assert_row(&Node, &node, &row);
    }

    #[test]
    fn allocatable_is_capacity_unless_said() {
        let mut node =
            json!({"spec": {"podCIDR": "10.244.0.0/24"}, "status": {"capacity": {"cpu": "2"}}});
        Node.default(&mut node);
        assert_eq!(node["status"]["allocatable"], json!({"cpu": "2"}));
        assert_eq!(node["spec"]["podCIDRs"], json!(["10.244.0.0/24"]));
    }

    #[test]
    fn what_may_change() {
        let node = |spec: Value| json!({"metadata": {"name": "n1"}, "spec": spec});
        assert_eq!(
            update_errors(
                &Node,
                &node(json!({})),
                &node(
                    json!({"podCIDR": "10.0.0.0/24", "taints": [{"key": "a", "effect": "NoSchedule"}]})
                )
            ),
            [""; 0]
        );
        assert_eq!(
            update_errors(
                &Node,
                &node(json!({"podCIDR": "10.0.0.0/24"})),
                &node(json!({"podCIDR": "10.0.1.0/24"}))
            ),
            [
                "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"
            ]
        );
        assert_eq!(
            update_errors(&Node, &node(json!({})), &node(json!({"externalID": "x"}))),
            ["spec.externalID: Forbidden: may not be updated"]
        );
    }
}
