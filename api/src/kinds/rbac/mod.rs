//! Roles, ClusterRoles and their bindings (rbac.authorization.k8s.io/v1).

mod binding;
mod role;

use super::common::{checks, describe};
use crate::field::{Errors, Path};
use crate::{Descriptor, metadata, names};

const GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn role() -> Descriptor {
    describe::namespaced(describe::RBAC, "Role", "roles", role::NAMESPACED)
}

pub(super) fn cluster_role() -> Descriptor {
    describe::cluster(describe::RBAC, "ClusterRole", "clusterroles", role::CLUSTER)
}

pub(super) fn role_binding() -> Descriptor {
    describe::namespaced(
        describe::RBAC,
        "RoleBinding",
        "rolebindings",
        binding::NAMESPACED,
    )
}

pub(super) fn cluster_role_binding() -> Descriptor {
    let plural = "clusterrolebindings";
    describe::cluster(
        describe::RBAC,
        "ClusterRoleBinding",
        plural,
        binding::CLUSTER,
    )
}

/// Names of roles and bindings may hold what a path may hold, `system:node` for one.
fn validate_name(name: &str, path: &Path) -> Errors {
    metadata::invalid(path, name, names::path_segment(name))
}
