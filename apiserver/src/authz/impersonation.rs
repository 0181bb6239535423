//! `kubectl --as`: who may, asks as somebody else, and has that one's rights and no more.

use http::{HeaderMap, HeaderName};
use skiff_api::{Reason, Status, UserInfo};

use super::{Attributes, Authorizer, denial};
use crate::authn::known;
use crate::request::{RequestInfo, Target};

const USER: HeaderName = HeaderName::from_static("impersonate-user");
const GROUP: HeaderName = HeaderName::from_static("impersonate-group");
const UID: HeaderName = HeaderName::from_static("impersonate-uid");
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// The user that a request is made as: the one that its headers name, if the caller may be that one; 403 if not.
pub(crate) fn impersonate(
    authorizer: &Authorizer,
    headers: &HeaderMap,
    caller: UserInfo,
) -> Result<UserInfo, Status> {
    let Some(wanted) = wanted(headers)? else {
        return Ok(caller);
    };
    for target in identities(&wanted) {
        let info = RequestInfo::impersonation(target);
        if let Err(reason) = authorizer.decide(&caller, &Attributes::of(&info)) {
            return Err(denial(&caller, &info, &reason));
        }
    }
    let (name, groups) = (&wanted.name, &wanted.groups);
    let implied = if groups.is_empty() {
        groups_of_account(name)
    } else {
        Vec::new()
    };
    let mut user = UserInfo::new(name, groups.iter().cloned().chain(implied));
    user.uid = wanted.uid;
    Ok(known(user))
}

/// The user that the headers name; 400 if they name all but that.
fn wanted(headers: &HeaderMap) -> Result<Option<UserInfo>, Status> {
    let texts = |name: &HeaderName| {
        let values = headers.get_all(name).iter();
        let texts = values.filter_map(|value| value.to_str().ok());
        texts.map(str::to_owned).collect::<Vec<_>>()
    };
    let first = |name: &HeaderName| texts(name).into_iter().next().unwrap_or_default();
    let mut user = UserInfo::new(first(&USER), texts(&GROUP));
    user.uid = first(&UID);
    if !user.name.is_empty() {
        return Ok(Some(user));
    }
    // A header that cannot be read must not make the caller's own rights count.
    if [USER, GROUP, UID]
        .iter()
        .any(|name| headers.contains_key(name))
    {
        let message = "requested to impersonate without impersonating a user";
        return Err(Status::new(Reason::BadRequest, message));
    }
    Ok(None)
}

/// What the caller must be allowed to `impersonate`, one by one.
fn identities(wanted: &UserInfo) -> Vec<Target> {
    let identity = |group: &str, resource: &str, namespace: &str, name: &str| Target {
        group: group.to_owned(),
        version: "v1".to_owned(),
        namespace: namespace.to_owned(),
        resource: resource.to_owned(),
        subresource: String::new(),
        name: name.to_owned(),
    };
    let mut all = vec![match account(&wanted.name) {
        Some((namespace, name)) => identity("", "serviceaccounts", namespace, name),
        None => identity("", "users", "", &wanted.name),
    }];
    all.extend(
        wanted
            .groups
            .iter()
            .map(|group| identity("", "groups", "", group)),
    );
    if !wanted.uid.is_empty() {
        all.push(identity("authentication.k8s.io", "uids", "", &wanted.uid));
    }
    all
}

/// Namespace and name of a service account.
fn account(user: &str) -> Option<(&str, &str)> {
    user.strip_prefix(SERVICE_ACCOUNT)?.split_once(':')
}

fn groups_of_account(user: &str) -> Vec<String> {
    let groups = account(user).map(|(namespace, _)| {
        let all = "system:serviceaccounts";
        vec![all.to_owned(), format!("{all}:{namespace}")]
    });
    groups.unwrap_or_default()
}
