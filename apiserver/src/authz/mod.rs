//! The third step: as whom the caller asks, and whether that one may do it.

mod attributes;
mod authorizer;
mod binding;
pub(crate) mod bootstrap;
pub(crate) mod escalation;
mod impersonation;
mod index;
mod node;
mod rule;

pub(crate) use attributes::{Attributes, ResourceAttributes};
pub(crate) use authorizer::Authorizer;
pub(crate) use impersonation::impersonate;
pub(crate) use index::PREFIX;
pub(crate) use node::node_of;

use skiff_api::{GroupResource, Reason, Status, UserInfo};

use crate::request::{RequestInfo, Target};

/// Whether a rule allows the request; 403 if none does.
pub(crate) fn authorize(
    authorizer: &Authorizer,
    info: &RequestInfo,
    user: &UserInfo,
) -> Result<(), Status> {
    match authorizer.decide(user, &Attributes::of(info)) {
        Ok(_) => Ok(()),
        Err(reason) => Err(denial(user, info, &reason)),
    }
}

/// 403, worded as Kubernetes words it.
fn denial(user: &UserInfo, info: &RequestInfo, reason: &str) -> Status {
    let (name, verb) = (&user.name, info.verb);
    let Some(target) = &info.target else {
        let why = format!(
            "forbidden: User {name:?} cannot {verb} path {:?}",
            info.path
        );
        return Status::new(Reason::Forbidden, why);
    };
    let mut why = format!(
        "User {name:?} cannot {verb} resource {:?} in API group {:?} {}",
        target.full_resource(),
        target.group,
        place(target),
    );
    if !reason.is_empty() {
        why.push_str(": ");
        why.push_str(reason);
    }
    let resource = GroupResource {
        group: target.group.clone().into(),
        resource: target.resource.clone().into(),
    };
    Status::forbidden(&resource, &target.name, &why)
}

fn place(target: &Target) -> String {
    if target.namespace.is_empty() {
        "at the cluster scope".to_owned()
    } else {
        format!("in the namespace {:?}", target.namespace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    #[test]
    fn a_denial_says_who_cannot_do_what_where() {
        let cases = [
            (
                "/api/v1/namespaces/default/pods",
                r#"pods is forbidden: User "x" cannot list resource "pods" in API group "" in the namespace "default""#,
            ),
            (
                "/api/v1/namespaces/default/pods/a/log",
                r#"pods "a" is forbidden: User "x" cannot get resource "pods/log" in API group "" in the namespace "default""#,
            ),
            (
                "/apis/apps/v1/deployments",
                r#"deployments.apps is forbidden: User "x" cannot list resource "deployments" in API group "apps" at the cluster scope"#,
            ),
            (
                "/metrics",
                r#"forbidden: User "x" cannot get path "/metrics""#,
            ),
        ];
        let user = UserInfo::new("x", ["y"]);
        for (url, expected) in cases {
            let info = RequestInfo::read(&Method::GET, &url.parse().unwrap());
            assert_eq!(denial(&user, &info, "").message, expected);
        }
    }
}
