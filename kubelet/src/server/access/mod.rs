//! Who may call, and for what (<https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/>).
//!
//! ```text
//!             certificate ────────────────────┐              ┌─ API server, administrators ─────┐
//!   request ──┤                               ├──► user ─────┤                                  ├──► handler
//!             └ bearer token ──TokenReview────┘              └─ others ──SubjectAccessReview────┘
//!             401 without either                               403 if denied
//! ```

mod attributes;
mod authenticate;
mod authorize;
mod remembered;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::header;
use skiff_api::UserInfo;

pub(super) use self::authenticate::user_of_certificate;

use self::attributes::{subresources_of, verb_of};
use self::authenticate::Authenticator;
use self::authorize::Authorizer;
use super::answer::Refused;

/// Knows callers and their rights, or asks the API server.
pub(super) struct Access {
    authenticator: Authenticator,
    authorizer: Authorizer,
}

impl Access {
    /// For the kubelet of this node.
    pub(super) fn new(client: &kube::Client, node: &str) -> Self {
        Self {
            authenticator: Authenticator::new(client.clone()),
            authorizer: Authorizer::new(client.clone(), node),
        }
    }

    /// Lets a request pass to `next` if its caller may make it. The credentials end here.
    pub(super) async fn guard(
        State(access): State<Arc<Self>>,
        mut request: Request,
        next: Next,
    ) -> Result<Response, Refused> {
        let user = match request.extensions_mut().remove::<UserInfo>() {
            Some(user) => user,
            None => {
                access
                    .authenticator
                    .user_of_token(request.headers())
                    .await?
            }
        };
        request.headers_mut().remove(header::AUTHORIZATION);
        let (verb, path) = (verb_of(request.method()), request.uri().path());
        let subresources = subresources_of(path);
        access.authorizer.check(&user, verb, subresources).await?;
        Ok(next.run(request).await)
    }
}
