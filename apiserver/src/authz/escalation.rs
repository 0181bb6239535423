//! Nobody gives what he does not have: who writes a role must hold its rules, who binds one as well, unless the verbs
//! `escalate` and `bind` say otherwise
//! (<https://kubernetes.io/docs/reference/access-authn-authz/rbac/#privilege-escalation-prevention-and-bootstrapping>).

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde::Deserialize;
use serde_json::{Value, json};
use skiff_api::{Descriptor, GroupResource, Status, UserInfo, metadata};

use super::authorizer::is_master;
use super::binding::RoleRef;
use super::rule::quoted;
use super::{Attributes, Authorizer, ResourceAttributes};

const GROUP: &str = "rbac.authorization.k8s.io";

/// Refuses a role or a binding that gives more than the user has; other kinds are not looked at.
pub(crate) fn check(
    authorizer: &Authorizer,
    user: &UserInfo,
    descriptor: &Descriptor,
    old: Option<&Value>,
    new: &Value,
) -> Result<(), Status> {
    if descriptor.group != GROUP || is_master(user) {
        return Ok(());
    }
    let write = Write {
        authorizer,
        user,
        descriptor,
        object: new,
    };
    let changes = |field: &str| old.is_none_or(|old| old[field] != new[field]);
    match descriptor.kind.as_ref() {
        "Role" | "ClusterRole" if changes("rules") || changes("aggregationRule") => write.role(),
        "RoleBinding" | "ClusterRoleBinding" if changes("subjects") || changes("roleRef") => {
            write.binding()
        }
        _ => Ok(()),
    }
}

struct Write<'a> {
    authorizer: &'a Authorizer,
    user: &'a UserInfo,
    descriptor: &'a Descriptor,
    object: &'a Value,
}

impl Write<'_> {
    fn role(&self) -> Result<(), Status> {
        let name = metadata::name(self.object);
        if self.may("escalate", &self.descriptor.plural, name) {
            return Ok(());
        }
        if self.object["aggregationRule"].is_object() {
            let everything = json!([
                {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
                {"verbs": ["*"], "nonResourceURLs": ["*"]},
            ]);
            if self.holds(&rules_in(&everything)).is_err() {
                let why = "must have cluster-admin privileges to use the aggregationRule";
                return Err(self.forbidden(why));
            }
        }
        self.holds(&rules_in(&self.object["rules"]))
            .map_err(|why| self.forbidden(&why))
    }

    fn binding(&self) -> Result<(), Status> {
        let Ok(role) = RoleRef::deserialize(&self.object["roleRef"]) else {
            return Ok(());
        };
        let text = |field: &str| self.object["roleRef"][field].as_str().unwrap_or_default();
        let resource = match text("kind") {
            "Role" => "roles",
            _ => "clusterroles",
        };
        if self.may("bind", resource, text("name")) {
            return Ok(());
        }
        let namespace = metadata::namespace(self.object);
        let Some(rules) = self.authorizer.rules_of_role(&role, namespace) else {
            let resource = GroupResource {
                group: GROUP.into(),
                resource: resource.into(),
            };
            return Err(Status::not_found(&resource, text("name")));
        };
        self.holds(&rules).map_err(|why| self.forbidden(&why))
    }

    fn may(&self, verb: &str, resource: &str, name: &str) -> bool {
        let wanted = ResourceAttributes {
            verb,
            group: GROUP,
            resource,
            namespace: metadata::namespace(self.object),
            name,
            ..ResourceAttributes::default()
        };
        self.authorizer
            .allows(self.user, &Attributes::Resource(wanted))
    }

    /// What the user lacks, in words.
    fn holds(&self, rules: &[PolicyRule]) -> Result<(), String> {
        let namespace = metadata::namespace(self.object);
        let missing = self.authorizer.missing(self.user, namespace, rules);
        if missing.is_empty() {
            return Ok(());
        }
        Err(format!(
            "user {:?} (groups={}) is attempting to grant RBAC permissions not currently held:\n{}",
            self.user.name,
            quoted(&self.user.groups),
            missing.join("\n")
        ))
    }

    fn forbidden(&self, why: &str) -> Status {
        let name = metadata::name(self.object);
        Status::forbidden(&self.descriptor.group_resource(), name, why)
    }
}

fn rules_in(rules: &Value) -> Vec<PolicyRule> {
    Vec::deserialize(rules).unwrap_or_default()
}
