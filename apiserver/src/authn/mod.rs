//! The second step: who asks.
//!
//! A caller in the process, and the TLS layer for a verified client certificate, name the user in a request
//! extension, which nobody can send over the network. Otherwise a bearer token decides, and without one the caller is
//! anonymous: RBAC lets him ask for health and version, and whatever `system:unauthenticated` is bound to.

mod bootstrap_token;
mod certificate;
mod tokens;

pub(crate) use certificate::user_of_certificate;
pub(crate) use tokens::{Binding, Grant, Tokens};

use axum::extract::Request;
use http::{HeaderMap, header};
use skiff_api::{Status, UserInfo};
use skiff_store::Store;

/// The group of every caller who is known.
pub(crate) const AUTHENTICATED: &str = "system:authenticated";
/// The group of all nodes.
pub(crate) const NODES: &str = "system:nodes";
const ANONYMOUS: &str = "system:anonymous";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// What everybody may see.
const PUBLIC_PATHS: [&str; 4] = ["/healthz", "/livez", "/readyz", "/version"];

/// Finds out who asks; 401 if that cannot be known. The credentials end here.
pub(crate) fn authenticate(
    tokens: &Tokens,
    store: &Store,
    request: &mut Request,
) -> Result<UserInfo, Status> {
    let user = match request.extensions_mut().remove::<UserInfo>() {
        Some(user) => known(user),
        None => identify(tokens, store, request.headers())?,
    };
    request.headers_mut().remove(header::AUTHORIZATION);
    Ok(user)
}

fn identify(tokens: &Tokens, store: &Store, headers: &HeaderMap) -> Result<UserInfo, Status> {
    match bearer_token(headers) {
        Some(token) => {
            let snapshot = store.snapshot();
            if let Some((id, secret)) = bootstrap_token::parts(token) {
                let user = bootstrap_token::user(id, secret, &snapshot);
                return user.map(known).ok_or_else(Status::unauthorized);
            }
            match tokens.verify(token, &[tokens.issuer()], &snapshot) {
                Ok(verified) => Ok(known(verified.user)),
                Err(error) => {
                    tracing::debug!(%error, "a bearer token was turned down");
                    Err(Status::unauthorized())
                }
            }
        }
        None => Ok(UserInfo::new(ANONYMOUS, [UNAUTHENTICATED])),
    }
}

/// Whether nobody knows who asks. What such a one may not do, somebody else may: he is told to say who he is (401), as by a
/// server without anonymous authentication.
pub(crate) fn is_stranger(user: &UserInfo) -> bool {
    user.name == ANONYMOUS
}

/// Whether it tells of health or version, which everybody may know.
pub(crate) fn is_public(path: &str) -> bool {
    PUBLIC_PATHS.iter().any(|public| {
        path.strip_prefix(public)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The user, in the group of those who are known; the stranger is not.
pub(crate) fn known(mut user: UserInfo) -> UserInfo {
    let settled = [AUTHENTICATED, UNAUTHENTICATED];
    let is_settled = |group: &String| settled.contains(&group.as_str());
    if user.name == ANONYMOUS && !user.groups.iter().any(is_settled) {
        user.groups.push(UNAUTHENTICATED.to_owned());
    } else if !user.groups.iter().any(is_settled) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}
