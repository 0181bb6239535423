//! All roles and bindings of the cluster, found by whom they are for.
//!
//! In: what stands in the store, then each change of it. Out: the rules that hold for a user.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::rbac::v1::{PolicyRule, Subject};
use serde::Deserialize;
use skiff_api::UserInfo;
use skiff_store::{Change, Entry};

use super::binding::{Binding, RoleRef};
use super::{Attributes, rule};

/// Where all of them are in the store.
pub(crate) const PREFIX: &str = "/registry/rbac.authorization.k8s.io/";

/// The bindings of each subject, by its name.
type Bindings = HashMap<String, Vec<Arc<Binding>>>;

/// All roles and bindings.
#[derive(Default)]
pub(super) struct Index {
    /// By where they are behind the prefix: `clusterroles/view`, `roles/default/reader`.
    roles: HashMap<String, Vec<PolicyRule>>,
    bindings: HashMap<String, Arc<Binding>>,
    users: Bindings,
    groups: Bindings,
}

/// As much of an object as matters here.
#[derive(Deserialize)]
struct Stored {
    #[serde(default, deserialize_with = "or_default")]
    rules: Vec<PolicyRule>,
    #[serde(default, deserialize_with = "or_default")]
    subjects: Vec<Subject>,
    #[serde(rename = "roleRef")]
    role_ref: Option<RoleRef>,
}

fn or_default<'de, D: serde::Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

impl Index {
    /// Takes over what stands.
    pub(super) fn of<'a>(entries: impl Iterator<Item = &'a Entry>) -> Self {
        let mut index = Self::default();
        entries.for_each(|entry| index.put(entry));
        index
    }

    /// Takes over a change.
    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Put { entry, .. } => self.put(entry),
            Change::Delete { previous, .. } => self.remove(&previous.key),
        }
    }

    fn put(&mut self, entry: &Entry) {
        self.remove(&entry.key);
        let Some(key) = entry.key.strip_prefix(PREFIX) else {
            return;
        };
        let stored: Stored = match serde_json::from_slice(&entry.value) {
            Ok(stored) => stored,
            Err(error) => {
                tracing::error!(%error, key, "a role or a binding cannot be read, and grants nothing");
                return;
            }
        };
        match stored.role_ref {
            None => drop(self.roles.insert(key.to_owned(), stored.rules)),
            Some(role_ref) => self.bind(key, role_ref, stored.subjects),
        }
    }

    fn bind(&mut self, key: &str, role_ref: RoleRef, subjects: Vec<Subject>) {
        let binding = Arc::new(Binding::at(key, role_ref, subjects));
        for subject in &binding.subjects {
            if let Some((map, name)) = self.slot(subject, &binding.namespace) {
                map.entry(name).or_default().push(Arc::clone(&binding));
            }
        }
        self.bindings.insert(key.to_owned(), binding);
    }

    fn remove(&mut self, key: &str) {
        let Some(key) = key.strip_prefix(PREFIX) else {
            return;
        };
        self.roles.remove(key);
        let Some(binding) = self.bindings.remove(key) else {
            return;
        };
        for subject in &binding.subjects {
            let Some((map, name)) = self.slot(subject, &binding.namespace) else {
                continue;
            };
            if let Some(of_subject) = map.get_mut(&name) {
                of_subject.retain(|known| !Arc::ptr_eq(known, &binding));
                if of_subject.is_empty() {
                    map.remove(&name);
                }
            }
        }
    }

    /// Where a subject's bindings are kept.
    fn slot(&mut self, subject: &Subject, namespace: &str) -> Option<(&mut Bindings, String)> {
        match subject.kind.as_str() {
            "User" => Some((&mut self.users, subject.name.clone())),
            "Group" => Some((&mut self.groups, subject.name.clone())),
            "ServiceAccount" => Some((&mut self.users, account(subject, namespace))),
            _ => None,
        }
    }

    /// The bindings that hold for a user in a namespace; those of the cluster hold everywhere.
    fn bindings_of<'a>(
        &'a self,
        user: &'a UserInfo,
        namespace: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Binding>> {
        let groups = user
            .groups
            .iter()
            .filter_map(|group| self.groups.get(group));
        let all = self
            .users
            .get(&user.name)
            .into_iter()
            .chain(groups)
            .flatten();
        all.filter(move |binding| binding.namespace.is_empty() || binding.namespace == namespace)
    }

    /// The binding that gives the user that right.
    pub(super) fn grant(&self, user: &UserInfo, wanted: &Attributes<'_>) -> Option<Arc<Binding>> {
        let found = self.bindings_of(user, place(wanted)).find(|binding| {
            let rules = self.roles.get(&binding.role());
            rules.is_some_and(|rules| rules.iter().any(|rule| rule::allows(rule, wanted)))
        });
        found.cloned()
    }

    /// The rules that hold for a user in a namespace.
    pub(super) fn rules_of(&self, user: &UserInfo, namespace: &str) -> Vec<PolicyRule> {
        let bindings = self.bindings_of(user, namespace);
        let rules = bindings.filter_map(|binding| self.roles.get(&binding.role()));
        rules.flatten().cloned().collect()
    }

    /// The rules of the role that a binding of that namespace refers to.
    pub(super) fn rules_of_role(&self, role: &RoleRef, namespace: &str) -> Option<&[PolicyRule]> {
        self.roles.get(&role.key(namespace)).map(Vec::as_slice)
    }

    /// The roles that bindings promise the user and that do not exist, as an error names them.
    pub(super) fn missing_roles(&self, user: &UserInfo, wanted: &Attributes<'_>) -> Vec<String> {
        let bindings = self.bindings_of(user, place(wanted));
        let mut missing: Vec<String> = bindings
            .filter(|binding| !self.roles.contains_key(&binding.role()))
            .map(|binding| binding.role_not_found())
            .collect();
        missing.sort();
        missing.dedup();
        missing
    }
}

fn account(subject: &Subject, namespace: &str) -> String {
    let namespace = subject.namespace.as_deref().unwrap_or(namespace);
    format!("system:serviceaccount:{namespace}:{}", subject.name)
}

fn place<'a>(wanted: &Attributes<'a>) -> &'a str {
    match wanted {
        Attributes::Resource(resource) => resource.namespace,
        Attributes::Path { .. } => "",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use skiff_store::{Key, Revision, Value as Bytes};

    use super::super::ResourceAttributes;
    use super::*;

    fn entry(place: &str, object: &Value) -> Entry {
        let key = Key::new(format!("{PREFIX}{place}")).unwrap();
        Entry::new(
            key,
            &Bytes::plain(object.to_string()),
            Revision(1),
            Revision(1),
        )
    }

    fn may_list(index: &Index, user: &UserInfo, namespace: &str) -> bool {
        let wanted = ResourceAttributes {
            verb: "list",
            resource: "pods",
            namespace,
            ..ResourceAttributes::default()
        };
        index.grant(user, &Attributes::Resource(wanted)).is_some()
    }

    #[test]
    fn a_binding_holds_for_its_subjects_in_its_namespace() {
        let role =
            json!({"rules": [{"verbs": ["list"], "apiGroups": [""], "resources": ["pods"]}]});
        let binding = json!({
            "roleRef": {"kind": "ClusterRole", "name": "r"},
            "subjects": [
                {"kind": "User", "name": "jane"},
                {"kind": "Group", "name": "people"},
                {"kind": "ServiceAccount", "name": "a"},
            ],
        });
        let binding = entry("rolebindings/n/b", &binding);
        let mut index = Index::of([&entry("clusterroles/r", &role), &binding].into_iter());
        let none: [&str; 0] = [];
        let users = [
            UserInfo::new("jane", none),
            UserInfo::new("joe", ["people"]),
            UserInfo::new("system:serviceaccount:n:a", none),
        ];
        for user in &users {
            assert!(may_list(&index, user, "n"), "{user:?}");
            assert!(!may_list(&index, user, "m"), "{user:?}");
            assert!(!may_list(&index, user, ""), "{user:?}");
        }
        assert!(!may_list(&index, &UserInfo::new("joe", none), "n"));
        let revision = Revision(2);
        index.apply(&Change::Delete {
            previous: binding,
            revision,
        });
        assert!(users.iter().all(|user| !may_list(&index, user, "n")));
        assert!(index.users.is_empty() && index.groups.is_empty() && index.bindings.is_empty());
    }

    #[test]
    fn a_role_that_is_missing_is_named() {
        let binding = json!({
            "roleRef": {"kind": "Role", "name": "r"}, "subjects": [{"kind": "User", "name": "jane"}],
        });
        let index = Index::of([&entry("rolebindings/n/b", &binding)].into_iter());
        let wanted = ResourceAttributes {
            namespace: "n",
            ..ResourceAttributes::default()
        };
        let none: [&str; 0] = [];
        assert_eq!(
            index.missing_roles(&UserInfo::new("jane", none), &Attributes::Resource(wanted)),
            ["role.rbac.authorization.k8s.io \"r\" not found"]
        );
    }
}
