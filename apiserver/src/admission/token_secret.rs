//! A Secret of the type `kubernetes.io/service-account-token` holds a token of its account, as long as both are there
//! (<https://kubernetes.io/docs/concepts/configuration/secret/#serviceaccount-token-secrets>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};
use skiff_api::{Status, metadata, names};

use super::Means;
use crate::authn::{Binding, Grant};
use crate::codec::object_of;

const TYPE: &str = "kubernetes.io/service-account-token";
const ACCOUNT: &str = "kubernetes.io/service-account.name";
const ACCOUNT_UID: &str = "kubernetes.io/service-account.uid";
/// Such a token has no end of its own; a hundred years stand for that.
const LIFE_SECONDS: i64 = 100 * 365 * 24 * 3600;

/// Fills in the token, unless the account is not there.
pub(super) fn admit(means: &Means<'_>, secret: &mut Value) -> Result<(), Status> {
    if secret["type"] != TYPE {
        return Ok(());
    }
    let namespace = metadata::namespace(secret).to_owned();
    let account = metadata::annotation(secret, ACCOUNT).unwrap_or_default();
    let key = format!("/registry/core/serviceaccounts/{namespace}/{account}");
    let Some(entry) = means.store.snapshot().get(&key).cloned() else {
        return Ok(());
    };
    let account = binding(&object_of(&entry.value)?);
    if metadata::name(secret).is_empty() {
        secret["metadata"]["name"] = names::generate_name(metadata::generate_name(secret)).into();
    }
    let now = Timestamp::now().as_second();
    let token = means.tokens.issue(Grant {
        namespace: namespace.clone(),
        service_account: account.clone(),
        pod: None,
        node: None,
        secret: Some(binding(secret)),
        audiences: vec![means.tokens.issuer()],
        issued_at: now,
        expires_at: now + LIFE_SECONDS,
    });
    let token = token.map_err(|error| {
        tracing::error!(%error, "a token could not be signed");
        Status::internal("the token could not be signed")
    })?;
    secret["metadata"]["annotations"][ACCOUNT_UID] = account.uid.into();
    if !secret["data"].is_object() {
        secret["data"] = json!({});
    }
    let ca = means.ca_pem;
    for (key, value) in [
        ("token", token.as_str()),
        ("ca.crt", ca),
        ("namespace", &namespace),
    ] {
        secret["data"][key] = BASE64.encode(value).into();
    }
    Ok(())
}

fn binding(object: &Value) -> Binding {
    Binding {
        name: metadata::name(object).to_owned(),
        uid: metadata::uid(object).to_owned(),
    }
}
