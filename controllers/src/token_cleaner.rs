//! Bootstrap tokens go when their time is over
//! (<https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>).

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Secret;
use kube::api::DeleteParams;
use kube::{Api, Client, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::ownership::{uid_of, wake_on_change};
use crate::writes::{is_gone, only};

/// Where bootstrap tokens are.
const NAMESPACE: &str = "kube-system";
/// The key of the time at which a token ends, in RFC 3339; without it the token stays.
const EXPIRATION: &str = "expiration";

/// Deletes tokens at the moment when they expire, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let tokens: Informer<Secret> = context
        .informers
        .with_fields("type=bootstrap.kubernetes.io/token");
    let queue = WorkQueue::new();
    wake_on_change(&tokens, &queue);
    let ready = {
        let tokens = tokens.clone();
        async move { tokens.ready().await }
    };
    let client = context.client.clone();
    let reconcile = move |key| reconcile(client.clone(), tokens.clone(), key);
    context
        .reconcile("token-cleaner", ready, queue, 1, reconcile)
        .await
}

async fn reconcile(
    client: Client,
    tokens: Informer<Secret>,
    key: ObjectKey,
) -> anyhow::Result<Next> {
    let Some(token) = tokens.get(&key).filter(|_| key.namespace == NAMESPACE) else {
        return Ok(Next::Done);
    };
    match left(&token, Timestamp::now()) {
        None => Ok(Next::Done),
        Some(Duration::ZERO) => {
            let api: Api<Secret> = Api::namespaced(client, NAMESPACE);
            let params: DeleteParams = only(uid_of(&*token));
            match api.delete(&token.name_any(), &params).await {
                Err(error) if !is_gone(&error) => Err(error.into()),
                _ => Ok(Next::Done),
            }
        }
        Some(left) => Ok(Next::After(left)),
    }
}

/// How long the token is good; none if for ever. What cannot be read has no time left.
fn left(token: &Secret, now: Timestamp) -> Option<Duration> {
    let expiration = token.data.as_ref()?.get(EXPIRATION)?;
    if expiration.0.is_empty() {
        return None;
    }
    let text = std::str::from_utf8(&expiration.0).unwrap_or_default();
    let until: Option<Timestamp> = text.parse().ok();
    let left = until.and_then(|until| Duration::try_from(until.duration_since(now)).ok());
    Some(left.unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::ByteString;

    #[test]
    fn a_token_is_good_until_its_expiration() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let left = |expiration: &str| {
            let data = (EXPIRATION.to_owned(), ByteString(expiration.into()));
            let token = Secret {
                data: Some([data].into()),
                ..Secret::default()
            };
            super::left(&token, now).map(|left| left.as_secs())
        };
        assert_eq!(left("2026-01-01T00:01:00Z"), Some(60));
        assert_eq!(left("2026-01-01T00:00:00Z"), Some(0));
        assert_eq!(left("2025-01-01T00:00:00Z"), Some(0));
        assert_eq!(left("never"), Some(0));
        assert_eq!(left(""), None);
        assert_eq!(super::left(&Secret::default(), now), None);
    }
}
