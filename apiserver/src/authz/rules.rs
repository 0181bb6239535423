//! Rules in the shape of RBAC, and the one evaluator of them.

use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Subject};
use serde::Deserialize;
use serde_json::{Value, json};
use skiff_api::UserInfo;

use crate::request::RequestInfo;

/// The roles that every cluster has, as the objects that users know.
const BOOTSTRAP: &str = include_str!("bootstrap.yaml");

/// May do everything, whatever the rules say.
const MASTERS: &str = "system:masters";

/// What is to be allowed.
#[derive(Clone, Debug)]
pub(crate) enum Attributes<'a> {
    /// Something to do to a resource.
    Resource {
        verb: &'a str,
        group: &'a str,
        /// `pods` or `pods/log`.
        resource: String,
        /// The object, if it is about one.
        name: &'a str,
    },
    /// Something to do to a path.
    Path { verb: &'a str, path: &'a str },
}

impl<'a> Attributes<'a> {
    /// What a request wants to do.
    pub(crate) fn of(info: &'a RequestInfo) -> Self {
        match &info.target {
            Some(target) => Self::Resource {
                verb: info.verb,
                group: &target.group,
                resource: target.full_resource(),
                name: &target.name,
            },
            None => Self::Path {
                verb: info.verb,
                path: &info.path,
            },
        }
    }
}

/// Subjects and what they may do.
struct Grant {
    subjects: Vec<Subject>,
    rules: Vec<PolicyRule>,
}

/// Decides by rules.
pub(crate) struct Authorizer {
    grants: Vec<Grant>,
}

#[derive(Deserialize)]
#[serde(tag = "kind")]
enum Object {
    ClusterRole(ClusterRole),
    ClusterRoleBinding(ClusterRoleBinding),
}

impl Authorizer {
    /// The rules that every cluster starts with.
    ///
    /// # Panics
    /// When the file compiled in is malformed, which a test rules out.
    pub(crate) fn bootstrap() -> Self {
        let objects: Vec<Object> =
            serde_norway::from_str(BOOTSTRAP).expect("the bootstrap roles are well-formed");
        let (mut roles, mut bindings) = (Vec::new(), Vec::new());
        for object in objects {
            match object {
                Object::ClusterRole(role) => roles.push(role),
                Object::ClusterRoleBinding(binding) => bindings.push(binding),
            }
        }
        let rules_of = |name: &str| {
            let role = roles
                .iter()
                .find(|role| role.metadata.name.as_deref() == Some(name));
            role.and_then(|role| role.rules.clone()).unwrap_or_default()
        };
        let grants = bindings
            .into_iter()
            .map(|binding| Grant {
                rules: rules_of(&binding.role_ref.name),
                subjects: binding.subjects.unwrap_or_default(),
            })
            .collect();
        Self { grants }
    }

    /// All rules that hold for the user (authorization.k8s.io/v1 SubjectRulesReviewStatus).
    pub(crate) fn rules_of(&self, user: &UserInfo) -> Value {
        let everything = [
            json!({"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}),
            json!({"verbs": ["*"], "nonResourceURLs": ["*"]}),
        ];
        let is_master = user.groups.iter().any(|group| group == MASTERS);
        let granted = self.granted(user).map(|rule| json!(rule));
        let all = everything.into_iter().filter(|_| is_master).chain(granted);
        let (paths, resources): (Vec<_>, Vec<_>) =
            all.partition(|rule| rule["nonResourceURLs"].is_array());
        json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": false})
    }

    fn granted(&self, user: &UserInfo) -> impl Iterator<Item = &PolicyRule> {
        self.grants
            .iter()
            .filter(|grant| grant.subjects.iter().any(|subject| is(subject, user)))
            .flat_map(|grant| &grant.rules)
    }

    /// Whether a rule allows the user to do that.
    pub(crate) fn allows(&self, user: &UserInfo, attributes: &Attributes<'_>) -> bool {
        user.groups.iter().any(|group| group == MASTERS)
            || self.granted(user).any(|rule| allows(rule, attributes))
    }
}

fn is(subject: &Subject, user: &UserInfo) -> bool {
    match subject.kind.as_str() {
        "User" => subject.name == user.name,
        "Group" => user.groups.contains(&subject.name),
        _ => false,
    }
}

fn allows(rule: &PolicyRule, attributes: &Attributes<'_>) -> bool {
    match attributes {
        Attributes::Resource {
            verb,
            group,
            resource,
            name,
        } => {
            has(&rule.verbs, verb)
                && has(rule.api_groups.as_deref().unwrap_or_default(), group)
                && has_resource(rule.resources.as_deref().unwrap_or_default(), resource)
                && match rule.resource_names.as_deref() {
                    None | Some([]) => true,
                    Some(names) => names.iter().any(|allowed| allowed == name),
                }
        }
        Attributes::Path { verb, path } => {
            has(&rule.verbs, verb)
                && rule
                    .non_resource_urls
                    .iter()
                    .flatten()
                    .any(|pattern| has_path(pattern, path))
        }
    }
}

fn has(allowed: &[String], wanted: &str) -> bool {
    allowed.iter().any(|one| one == "*" || one == wanted)
}

/// `*` is everything, `*/scale` that subresource of everything.
fn has_resource(allowed: &[String], wanted: &str) -> bool {
    allowed.iter().any(|one| {
        one == "*"
            || one == wanted
            || one.strip_prefix("*/").is_some_and(|subresource| {
                wanted
                    .split_once('/')
                    .is_some_and(|(_, wanted)| wanted == subresource)
            })
    })
}

fn has_path(pattern: &str, path: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => path.starts_with(prefix),
        None => pattern == path,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn allowed(user: &UserInfo, method: &Method, url: &str) -> bool {
        let info = RequestInfo::read(method, &url.parse().unwrap());
        Authorizer::bootstrap().allows(user, &Attributes::of(&info))
    }

    #[test]
    fn the_bootstrap_roles_give_everyone_what_they_need_and_no_more() {
        let admin = UserInfo::new("admin", ["system:masters"]);
        let node = UserInfo::new("system:node:n1", ["system:nodes", "system:authenticated"]);
        let dns = UserInfo::new("system:kube-dns", ["system:authenticated"]);
        let someone = UserInfo::new("someone", ["system:authenticated"]);
        let nobody = UserInfo::new("system:anonymous", ["system:unauthenticated"]);
        let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
        let pods = "/api/v1/namespaces/default/pods";
        let cases = [
            (&admin, &delete, "/api/v1/nodes/n1", true),
            (&node, &get, "/api/v1/pods?watch=1", true),
            (
                &node,
                &Method::PATCH,
                "/api/v1/namespaces/a/pods/b/status",
                true,
            ),
            (
                &node,
                &post,
                "/api/v1/namespaces/a/serviceaccounts/b/token",
                true,
            ),
            (
                &node,
                &post,
                "/apis/apps/v1/namespaces/a/deployments",
                false,
            ),
            (&dns, &get, "/api/v1/services", true),
            (&dns, &get, "/api/v1/secrets", false),
            (&someone, &get, "/apis", true),
            (&someone, &get, "/openapi/v3/apis/apps/v1", true),
            (&someone, &get, pods, false),
            (&someone, &get, "/metrics", false),
            (&nobody, &get, "/livez", true),
            (&nobody, &get, "/apis", false),
        ];
        for (user, method, url, expected) in cases {
            assert_eq!(
                allowed(user, method, url),
                expected,
                "{} {method} {url}",
                user.name
            );
        }
    }
}
