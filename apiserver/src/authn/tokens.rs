//! The tokens of service accounts: signed here, believed here while what they are bound to exists.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use skiff_api::UserInfo;
use skiff_store::Snapshot;

use crate::config::Config;
use crate::error::Error;

/// The last bytes of an EC P-256 public key in DER: 0x04 and the two coordinates.
const POINT_BYTES: usize = 65;

/// Signs and verifies the tokens of service accounts (ES256).
pub(crate) struct Tokens {
    issuer: String,
    key_id: String,
    point: Vec<u8>,
    signing: EncodingKey,
    verifying: DecodingKey,
}

/// An object that a token dies with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) name: String,
    pub(crate) uid: String,
}

/// What a token says.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) namespace: String,
    pub(crate) service_account: Binding,
    pub(crate) pod: Option<Binding>,
    pub(crate) node: Option<Binding>,
    pub(crate) secret: Option<Binding>,
    pub(crate) audiences: Vec<String>,
    /// Seconds since 1970.
    pub(crate) issued_at: i64,
    /// Seconds since 1970.
    pub(crate) expires_at: i64,
}

/// A token that is believed.
#[derive(Debug)]
pub(crate) struct Verified {
    pub(crate) user: UserInfo,
    /// The wanted audiences that the token is for.
    pub(crate) audiences: Vec<String>,
}

/// Why a token is not believed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TokenError {
    #[error("the token cannot be verified")]
    Jwt(#[source] jsonwebtoken::errors::Error),
    #[error("the token's {kind} {name} is gone")]
    Gone { kind: &'static str, name: String },
}

#[derive(Serialize, Deserialize)]
struct Claims {
    aud: Vec<String>,
    exp: i64,
    iat: i64,
    iss: String,
    jti: String,
    #[serde(rename = "kubernetes.io")]
    bound: Bound,
    nbf: i64,
    sub: String,
}

/// The private claims (KEP-1205).
#[derive(Serialize, Deserialize)]
struct Bound {
    namespace: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    node: Option<Binding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pod: Option<Binding>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<Binding>,
    serviceaccount: Binding,
}

impl Tokens {
    /// Takes the signing key and the issuer from the configuration.
    pub(crate) fn new(config: &Config) -> Result<Self, Error> {
        let unusable = |source: Box<dyn std::error::Error + Send + Sync>| {
            Error::certificate("service account key", source)
        };
        let key = PrivateKeyDer::from_pem_slice(config.service_account_key_pem.as_bytes())
            .map_err(|error| unusable(error.into()))?;
        let signer = rustls::crypto::aws_lc_rs::sign::any_ecdsa_type(&key)
            .map_err(|error| unusable(error.into()))?;
        let public = signer
            .public_key()
            .filter(|public| public.len() > POINT_BYTES)
            .ok_or_else(|| unusable("it has no P-256 public key".into()))?;
        let point = public[public.len() - POINT_BYTES..].to_vec();
        Ok(Self {
            issuer: config.issuer(),
            key_id: URL_SAFE_NO_PAD.encode(Sha256::digest(&public)),
            signing: EncodingKey::from_ec_der(key.secret_der()),
            verifying: DecodingKey::from_ec_der(&point),
            point,
        })
    }

    /// The issuer of all tokens, and the audience of those for this server.
    pub(crate) fn issuer(&self) -> String {
        self.issuer.clone()
    }

    /// Signs a token.
    pub(crate) fn issue(&self, grant: Grant) -> Result<String, jsonwebtoken::errors::Error> {
        let claims = Claims {
            aud: grant.audiences,
            exp: grant.expires_at,
            iat: grant.issued_at,
            iss: self.issuer.clone(),
            jti: uuid::Uuid::new_v4().to_string(),
            nbf: grant.issued_at,
            sub: user_name(&grant.namespace, &grant.service_account.name),
            bound: Bound {
                namespace: grant.namespace,
                node: grant.node,
                pod: grant.pod,
                secret: grant.secret,
                serviceaccount: grant.service_account,
            },
        };
        let mut header = Header::new(Algorithm::ES256);
        header.typ = None;
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, &claims, &self.signing)
    }

    /// Verifies a token for one of the audiences; what it is bound to must still stand in the snapshot.
    pub(crate) fn verify(
        &self,
        token: &str,
        audiences: &[String],
        snapshot: &Snapshot,
    ) -> Result<Verified, TokenError> {
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(audiences);
        rules.set_issuer(&[&self.issuer]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.validate_nbf = true;
        rules.leeway = 10;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &rules)
            .map_err(TokenError::Jwt)?
            .claims;
        claims.bound.check(snapshot)?;
        Ok(claims.verified(audiences))
    }

    /// The public key as a JSON Web Key Set.
    pub(crate) fn key_set(&self) -> Value {
        let (x, y) = self.point[1..].split_at((POINT_BYTES - 1) / 2);
        json!({"keys": [{
            "use": "sig",
            "kty": "EC",
            "kid": self.key_id,
            "crv": "P-256",
            "alg": "ES256",
            "x": URL_SAFE_NO_PAD.encode(x),
            "y": URL_SAFE_NO_PAD.encode(y),
        }]})
    }
}

impl Claims {
    fn verified(self, wanted: &[String]) -> Verified {
        let mut extra = BTreeMap::new();
        let mut add = |name: &str, value: String| {
            extra.insert(format!("authentication.kubernetes.io/{name}"), vec![value]);
        };
        add("credential-id", format!("JTI={}", self.jti));
        if let Some(pod) = self.bound.pod {
            add("pod-name", pod.name);
            add("pod-uid", pod.uid);
        }
        if let Some(node) = self.bound.node {
            add("node-name", node.name);
            add("node-uid", node.uid);
        }
        let namespace = &self.bound.namespace;
        let account = self.bound.serviceaccount;
        Verified {
            user: UserInfo {
                name: user_name(namespace, &account.name),
                uid: account.uid,
                groups: vec![
                    "system:serviceaccounts".to_owned(),
                    format!("system:serviceaccounts:{namespace}"),
                ],
                extra,
            },
            audiences: self
                .aud
                .into_iter()
                .filter(|audience| wanted.contains(audience))
                .collect(),
        }
    }
}

impl Bound {
    fn check(&self, snapshot: &Snapshot) -> Result<(), TokenError> {
        let namespace = &self.namespace;
        let inside = |plural: &str| format!("{plural}/{namespace}");
        let account = Some(&self.serviceaccount);
        // A Pod's token lives with the Pod, and only tells of its node.
        let node = self.node.as_ref().filter(|_| self.pod.is_none());
        let checks = [
            ("service account", inside("serviceaccounts"), account),
            ("Pod", inside("pods"), self.pod.as_ref()),
            ("Secret", inside("secrets"), self.secret.as_ref()),
            ("Node", "nodes".to_owned(), node),
        ];
        for (kind, place, binding) in checks {
            let Some(Binding { name, uid }) = binding else {
                continue;
            };
            let key = format!("/registry/core/{place}/{name}");
            let stands = snapshot
                .get(&key)
                .and_then(|entry| serde_json::from_slice::<Meta>(&entry.value).ok())
                .is_some_and(|object| object.metadata.uid == *uid);
            if !stands {
                let name = name.clone();
                return Err(TokenError::Gone { kind, name });
            }
        }
        Ok(())
    }
}

/// As much of an object as is needed to know it again.
#[derive(Deserialize)]
struct Meta {
    metadata: Uid,
}

#[derive(Deserialize)]
struct Uid {
    #[serde(default)]
    uid: String,
}

fn user_name(namespace: &str, name: &str) -> String {
    format!("system:serviceaccount:{namespace}:{name}")
}
