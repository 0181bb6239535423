//! The Node authorizer: a node may read what Pods that are bound to it refer to, and nothing else of its kind
//! (<https://kubernetes.io/docs/reference/access-authn-authz/node/>).
//!
//! Nodes ask for such objects when a Pod comes, so the Pods of one namespace are looked through at each question,
//! and no graph is kept.

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::Value;
use skiff_api::UserInfo;
use skiff_store::Snapshot;

use super::{Attributes, ResourceAttributes, bootstrap, rule};
use crate::codec::object_of;

const NODES: &str = "system:nodes";
const LEASES: &str = "kube-node-lease";

/// What the Node authorizer says to a request.
pub(super) enum Opinion {
    Allowed,
    /// It does not allow it; others may.
    None(String),
}

/// What a Pod may refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Referred {
    Secret,
    ConfigMap,
    Claim,
    Account,
}

/// Decides for nodes.
pub(super) struct NodeAuthorizer {
    rules: Vec<PolicyRule>,
}

/// The name of the node that the user is.
pub(crate) fn node_of(user: &UserInfo) -> Option<&str> {
    let is_node = user.groups.iter().any(|group| group == NODES);
    user.name
        .strip_prefix("system:node:")
        .filter(|name| is_node && !name.is_empty())
}

impl NodeAuthorizer {
    pub(super) fn new() -> Self {
        Self {
            rules: bootstrap::node_rules(),
        }
    }

    /// What it says to a request of a node.
    pub(super) fn decide(
        &self,
        snapshot: &Snapshot,
        node: &str,
        wanted: &Attributes<'_>,
    ) -> Opinion {
        if !self.rules.iter().any(|rule| rule::allows(rule, wanted)) {
            return Opinion::None(String::new());
        }
        let Attributes::Resource(wanted) = wanted else {
            return Opinion::Allowed;
        };
        let referred = match (wanted.group, wanted.resource) {
            ("", "secrets") => Referred::Secret,
            ("", "configmaps") => Referred::ConfigMap,
            // They are listed as well: the provisioner of a node looks for those that are its own to serve.
            ("", "persistentvolumeclaims") if wanted.verb == "get" => Referred::Claim,
            ("", "serviceaccounts") => Referred::Account,
            ("coordination.k8s.io", "leases") => return own_lease(node, wanted),
            ("storage.k8s.io", "csinodes") => return own_csi_node(node, wanted),
            _ => return Opinion::Allowed,
        };
        if wanted.name.is_empty() {
            let why = "No Object name found: a node reads objects of this kind by their names";
            return Opinion::None(why.to_owned());
        }
        if has_pod(snapshot, node, wanted.namespace, referred, wanted.name) {
            Opinion::Allowed
        } else {
            Opinion::None(format!(
                "no relationship found between node '{node}' and this object"
            ))
        }
    }
}

fn own_lease(node: &str, wanted: &ResourceAttributes<'_>) -> Opinion {
    if wanted.namespace != LEASES {
        let why = format!("can only access leases in the {LEASES:?} system namespace");
        return Opinion::None(why);
    }
    // The name of a new lease is in its body: NodeRestriction looks at that.
    if wanted.verb != "create" && wanted.name != node {
        let why = "can only access node lease with the same name as the requesting node";
        return Opinion::None(why.to_owned());
    }
    Opinion::Allowed
}

fn own_csi_node(node: &str, wanted: &ResourceAttributes<'_>) -> Opinion {
    if wanted.verb != "create" && wanted.name != node {
        let why = "can only access CSINode with the same name as the requesting node";
        return Opinion::None(why.to_owned());
    }
    Opinion::Allowed
}

/// Whether a Pod on the node refers to an object of its namespace.
fn has_pod(snapshot: &Snapshot, node: &str, namespace: &str, kind: Referred, name: &str) -> bool {
    let prefix = format!("/registry/core/pods/{namespace}/");
    let bound = format!("\"nodeName\":{node:?}");
    let mut pods = snapshot.range(&prefix, None);
    pods.any(|entry| {
        // A look at the bytes spares reading nearly all Pods of others. The claim of an ephemeral volume is named nowhere.
        let text = std::str::from_utf8(&entry.value).unwrap_or_default();
        let is_made = kind == Referred::Claim && text.contains("\"ephemeral\":");
        text.contains(&bound)
            && (text.contains(name) || is_made)
            && object_of(&entry.value).is_ok_and(|pod| {
                pod["spec"]["nodeName"] == node
                    && match kind {
                        Referred::Account => pod["spec"]["serviceAccountName"] == name,
                        kind => refers(&pod["spec"], kind, name) || owns_claim(&pod, kind, name),
                    }
            })
    })
}

/// Whether anything below refers to the object.
fn refers(value: &Value, kind: Referred, name: &str) -> bool {
    let named = |value: &Value, field: &str| value[field] == name;
    match value {
        Value::Array(items) => items.iter().any(|item| refers(item, kind, name)),
        Value::Object(fields) => fields.iter().any(|(key, value)| {
            let hit = match (kind, key.as_str()) {
                (Referred::Secret, "secret") => named(value, "secretName") || named(value, "name"),
                (Referred::Secret, "secretRef" | "secretKeyRef" | "nodePublishSecretRef") => {
                    named(value, "name")
                }
                (Referred::Secret, "imagePullSecrets") => {
                    let mut all = value.as_array().into_iter().flatten();
                    all.any(|secret| named(secret, "name"))
                }
                (Referred::ConfigMap, "configMap" | "configMapRef" | "configMapKeyRef") => {
                    named(value, "name")
                }
                (Referred::Claim, "persistentVolumeClaim") => named(value, "claimName"),
                _ => false,
            };
            hit || refers(value, kind, name)
        }),
        _ => false,
    }
}

/// Whether it is the claim of an ephemeral volume of the Pod, which is named after both.
fn owns_claim(pod: &Value, kind: Referred, name: &str) -> bool {
    let volumes = pod["spec"]["volumes"].as_array().into_iter().flatten();
    let mut ephemeral = volumes.filter(|volume| volume["ephemeral"].is_object());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pod_name = text(&pod["metadata"]["name"]);
    kind == Referred::Claim
        && ephemeral.any(|volume| format!("{pod_name}-{}", text(&volume["name"])) == name)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_refers_to_what_its_volumes_and_variables_name() {
        let spec = json!({
            "imagePullSecrets": [{"name": "pull"}],
            "volumes": [
                {"name": "a", "secret": {"secretName": "s1"}},
                {"name": "b", "projected": {"sources": [{"secret": {"name": "s2"}}, {"configMap": {"name": "c1"}}]}},
                {"name": "c", "persistentVolumeClaim": {"claimName": "p1"}},
            ],
            "containers": [{
                "env": [{"valueFrom": {"secretKeyRef": {"name": "s3", "key": "k"}}}],
                "envFrom": [{"configMapRef": {"name": "c2"}}],
            }],
        });
        let cases = [
            (Referred::Secret, vec!["pull", "s1", "s2", "s3"]),
            (Referred::ConfigMap, vec!["c1", "c2"]),
            (Referred::Claim, vec!["p1"]),
        ];
        for (kind, names) in &cases {
            for (_, others) in &cases {
                for name in others {
                    assert_eq!(refers(&spec, *kind, name), names.contains(name), "{name}");
                }
            }
        }
    }
}
