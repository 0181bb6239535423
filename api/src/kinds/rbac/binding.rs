//! What a RoleBinding and a ClusterRoleBinding may say.

use jiff::Timestamp;
use serde_json::Value;

use super::{GROUP, checks};
use crate::field::{Errors, Path};
use crate::kinds::common::cells::{items, text};
use crate::kinds::common::defaults::{default_to, each, existing};
use crate::kinds::common::{Field, cells, same};
use crate::{Column, Strategy, names};

pub(super) const NAMESPACED: Binding = Binding { namespaced: true };
pub(super) const CLUSTER: Binding = Binding { namespaced: false };

/// A binding of a namespace or of the cluster.
pub(super) struct Binding {
    namespaced: bool,
}

impl Strategy for Binding {
    fn default(&self, binding: &mut Value) {
        if let Some(role) = existing(binding, "roleRef") {
            default_to(role, "apiGroup", GROUP);
        }
        for subject in each(binding, "subjects") {
            if matches!(subject["kind"].as_str(), Some("User" | "Group")) {
                default_to(subject, "apiGroup", GROUP);
            }
        }
    }

    fn validate(&self, binding: &Value) -> Errors {
        let mut errors = Errors::new();
        let binding = Field::root(binding);
        self.role(&binding.get("roleRef"), &mut errors);
        for subject in binding.get("subjects").items() {
            self.subject(&subject, &mut errors);
        }
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let role = Field::root(new).get("roleRef");
        if same(role.value(), &old["roleRef"]) {
            Errors::new()
        } else {
            vec![role.invalid("cannot change roleRef")]
        }
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Role", "string"),
            cells::age_column(),
            Column::wide("Users", "string"),
            Column::wide("Groups", "string"),
            Column::wide("ServiceAccounts", "string"),
        ]
    }

    fn cells(&self, binding: &Value, now: Timestamp) -> Vec<Value> {
        let role = format!(
            "{}/{}",
            text(binding, "/roleRef/kind"),
            text(binding, "/roleRef/name")
        );
        vec![
            cells::name(binding),
            role.into(),
            cells::age(binding, now),
            subjects(binding, "User").into(),
            subjects(binding, "Group").into(),
            subjects(binding, "ServiceAccount").into(),
        ]
    }

    fn validate_name(&self, name: &str, path: &Path) -> Errors {
        super::validate_name(name, path)
    }
}

/// The subjects of a kind, joined: `a, b`; accounts as `namespace/name`.
fn subjects(binding: &Value, kind: &str) -> String {
    let subjects = items(binding, "/subjects").iter();
    let of_kind = subjects.filter(|subject| subject["kind"] == kind);
    let shown = of_kind.map(|subject| match kind {
        "ServiceAccount" => format!("{}/{}", text(subject, "/namespace"), text(subject, "/name")),
        _ => text(subject, "/name").to_owned(),
    });
    shown.collect::<Vec<_>>().join(", ")
}

impl Binding {
    fn role(&self, role: &Field<'_>, errors: &mut Errors) {
        let group = role.get("apiGroup");
        if group.str() != GROUP {
            errors.push(group.not_supported(&[GROUP]));
        }
        let kind = role.get("kind");
        let kinds: &[&str] = match self.namespaced {
            true => &["ClusterRole", "Role"],
            false => &["ClusterRole"],
        };
        if !kinds.contains(&kind.str()) {
            errors.push(kind.not_supported(kinds));
        }
        checks::required_name(&role.get("name"), names::path_segment, errors);
    }

    fn subject(&self, subject: &Field<'_>, errors: &mut Errors) {
        let (kind, name) = (subject.get("kind"), subject.get("name"));
        let (group, namespace) = (subject.get("apiGroup"), subject.get("namespace"));
        checks::required(&name, errors);
        let wanted = match kind.str() {
            "ServiceAccount" => "",
            "User" | "Group" => GROUP,
            _ => return errors.push(kind.not_supported(&["Group", "ServiceAccount", "User"])),
        };
        match kind.str() {
            "ServiceAccount" => checks::name(&name, names::dns_subdomain, errors),
            "User" if name.is_empty() => errors.push(name.invalid("user name cannot be empty")),
            "Group" if name.is_empty() => errors.push(name.invalid("group name cannot be empty")),
            _ => {}
        }
        if group.str() != wanted {
            errors.push(group.not_supported(&[wanted]));
        }
        if kind.str() == "ServiceAccount" && !self.namespaced {
            checks::required(&namespace, errors);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    fn binding(kind: &str, subject: Value) -> Value {
        json!({"roleRef": {"kind": kind, "name": "view"}, "subjects": [subject]})
    }

    #[test]
    fn what_users_get_wrong() {
        let jane = json!({"kind": "User", "name": "jane"});
        let account = json!({"kind": "ServiceAccount", "name": "a"});
        let cases = [
            (NAMESPACED, binding("Role", jane.clone()), ""),
            (
                CLUSTER,
                binding("Role", jane),
                "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"",
            ),
            (NAMESPACED, binding("Role", account.clone()), ""),
            (
                CLUSTER,
                binding("ClusterRole", account),
                "subjects[0].namespace: Required value",
            ),
            (
                CLUSTER,
                binding("ClusterRole", json!({"kind": "Robot", "name": "r"})),
                "subjects[0].kind: Unsupported value: \"Robot\": supported values: \"Group\", \"ServiceAccount\", \"User\"",
            ),
        ];
        for (strategy, object, expected) in cases {
            let errors = create_errors(&strategy, &object).join("\n");
            assert_eq!(errors, expected, "{object}");
        }
    }

    #[test]
    fn the_role_stays() {
        let jane = json!({"kind": "User", "name": "jane"});
        let old = binding("Role", jane.clone());
        let new = binding("ClusterRole", jane);
        assert_eq!(
            update_errors(&NAMESPACED, &old, &new),
            [
                "roleRef: Invalid value: {\"apiGroup\":\"rbac.authorization.k8s.io\",\"kind\":\"ClusterRole\",\"name\":\"view\"}: cannot change roleRef"
            ]
        );
    }

    #[test]
    fn a_binding_in_the_list() {
        let mut object = binding(
            "Role",
            json!({"kind": "ServiceAccount", "name": "a", "namespace": "n"}),
        );
        object["metadata"] = json!({"name": "b", "creationTimestamp": "2026-01-01T00:00:00Z"});
        let row = [
            ("Name", json!("b")),
            ("Role", json!("Role/view")),
            ("Age", json!("5m")),
            ("Users", json!("")),
            ("Groups", json!("")),
            ("ServiceAccounts", json!("n/a")),
        ];
        assert_row(&NAMESPACED, &created(&NAMESPACED, &object), &row);
    }
}
