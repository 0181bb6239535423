//! Tokens of ServiceAccounts, bound to their Pod and renewed before they expire.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::authentication::v1::{BoundObjectReference, TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::{Pod, ServiceAccount, ServiceAccountTokenProjection};
use kube::api::PostParams;
use kube::{Api, Client, ResourceExt};
use parking_lot::Mutex;

use crate::pods::object;

const DEFAULT_EXPIRATION_S: i64 = 3600;
/// A token is renewed at 80 % of its life, and once a day at least
/// (<https://kubernetes.io/docs/concepts/storage/projected-volumes/#serviceaccounttoken>).
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// A token, and when to ask for the next one.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) token: String,
    pub(crate) refresh_at: Timestamp,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    pod_uid: String,
    audience: Option<String>,
    expiration_s: i64,
}

/// The tokens of the node's Pods; each goes with its Pod.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<HashMap<Key, Token>>);

impl Tokens {
    /// The Pod's token: the one it has, or a new one when that is due; or why there is none.
    pub(crate) async fn get(
        &self,
        client: &Client,
        pod: &Pod,
        source: &ServiceAccountTokenProjection,
    ) -> Result<Token, String> {
        let key = Key {
            pod_uid: object::uid(pod).to_owned(),
            audience: source.audience.clone(),
            expiration_s: source.expiration_seconds.unwrap_or(DEFAULT_EXPIRATION_S),
        };
        let known = self.0.lock().get(&key).cloned();
        if let Some(known) = known.filter(|token| token.refresh_at > Timestamp::now()) {
            return Ok(known);
        }
        let token = request(client, pod, &key).await?;
        self.0.lock().insert(key, token.clone());
        Ok(token)
    }

    /// Forgets the tokens of a Pod.
    pub(crate) fn forget(&self, pod_uid: &str) {
        self.0.lock().retain(|key, _| key.pod_uid != pod_uid);
    }
}

async fn request(client: &Client, pod: &Pod, key: &Key) -> Result<Token, String> {
    let spec = pod.spec.as_ref();
    let account = spec
        .and_then(|spec| spec.service_account_name.as_deref())
        .unwrap_or("default");
    let request = TokenRequest {
        spec: Some(TokenRequestSpec {
            audiences: Some(key.audience.iter().cloned().collect()),
            expiration_seconds: Some(key.expiration_s),
            bound_object_ref: Some(BoundObjectReference {
                api_version: Some("v1".to_owned()),
                kind: Some("Pod".to_owned()),
                name: Some(pod.name_any()),
                uid: Some(key.pod_uid.clone()),
            }),
        }),
        ..TokenRequest::default()
    };
    let namespace = pod.namespace().unwrap_or_default();
    let api: Api<ServiceAccount> = Api::namespaced(client.clone(), &namespace);
    let answer = api
        .create_token_request(account, &PostParams::default(), &request)
        .await
        .map_err(|error| {
            let why = match error {
                kube::Error::Api(status) => status.message,
                other => other.to_string(),
            };
            format!(
                "failed to fetch token: failed to create token for {namespace}/{account}: {why}"
            )
        })?;
    let status = answer.status.unwrap_or_default();
    let (Some(token), Some(expires)) = (status.token, status.expiration_timestamp) else {
        let words = "failed to fetch token: the API server's answer has none".to_owned();
        return Err(words);
    };
    let now = Timestamp::now();
    let life = expires.0.duration_since(now);
    Ok(Token {
        token,
        refresh_at: now + (life / 5 * 4).min(MAX_AGE),
    })
}
