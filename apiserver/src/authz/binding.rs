//! RoleBindings and ClusterRoleBindings: who has which role, and where.

use std::fmt;

use k8s_openapi::api::rbac::v1::Subject;
use serde::Deserialize;

/// A RoleBinding or a ClusterRoleBinding.
#[derive(Debug)]
pub(crate) struct Binding {
    name: String,
    /// Where it holds; empty for everywhere.
    pub(super) namespace: String,
    role_ref: RoleRef,
    pub(super) subjects: Vec<Subject>,
}

#[derive(Debug, Deserialize)]
pub(super) struct RoleRef {
    kind: String,
    name: String,
}

impl RoleRef {
    /// Where the role is behind the prefix, for a binding of that namespace.
    pub(super) fn key(&self, namespace: &str) -> String {
        match self.kind.as_str() {
            "Role" => format!("roles/{namespace}/{}", self.name),
            _ => format!("clusterroles/{}", self.name),
        }
    }
}

impl Binding {
    /// The binding that stands at `key` behind the prefix: `rolebindings/default/readers`, `clusterrolebindings/view`.
    pub(super) fn at(key: &str, role_ref: RoleRef, subjects: Vec<Subject>) -> Self {
        let place = key.split_once('/').map_or("", |(_, place)| place);
        // Names of bindings have no slash, so that one stands for a namespace.
        let (namespace, name) = place.split_once('/').unwrap_or(("", place));
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            role_ref,
            subjects,
        }
    }

    /// Where its role is behind the prefix.
    pub(super) fn role(&self) -> String {
        self.role_ref.key(&self.namespace)
    }

    /// That its role does not exist, as an error says it.
    pub(super) fn role_not_found(&self) -> String {
        let RoleRef { kind, name } = &self.role_ref;
        let kind = kind.to_lowercase();
        format!("{kind}.rbac.authorization.k8s.io {name:?} not found")
    }
}

/// `ClusterRoleBinding "b" of ClusterRole "r"`
impl fmt::Display for Binding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RoleRef { kind, name } = &self.role_ref;
        match self.namespace.as_str() {
            "" => write!(f, "ClusterRoleBinding {:?} of {kind} {name:?}", self.name),
            namespace => {
                let binding = format!("{}/{namespace}", self.name);
                write!(f, "RoleBinding {binding:?} of {kind} {name:?}")
            }
        }
    }
}
