//! The tokens by which machines join: Secrets of the type `bootstrap.kubernetes.io/token` in `kube-system`
//! (<https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/>).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::Value;
use sha2::{Digest, Sha256};
use skiff_api::UserInfo;
use skiff_store::Snapshot;

const TYPE: &str = "bootstrap.kubernetes.io/token";
/// The group of all who show one; others are in the Secret, and must begin with this and a colon.
const BOOTSTRAPPERS: &str = "system:bootstrappers";

/// The id and the secret of a token, if it has the form of a bootstrap token: `abcdef.0123456789abcdef`.
pub(super) fn parts(token: &str) -> Option<(&str, &str)> {
    let is_plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let (id, secret) = token.split_once('.')?;
    (id.len() == 6 && secret.len() == 16 && is_plain(id) && is_plain(secret))
        .then_some((id, secret))
}

/// Who shows the token, if its Secret stands, holds that secret, is for this use and has not expired.
pub(super) fn user(id: &str, secret: &str, snapshot: &Snapshot) -> Option<UserInfo> {
    let key = format!("/registry/core/secrets/kube-system/bootstrap-token-{id}");
    let object: Value = serde_json::from_slice(&snapshot.get(&key)?.value).ok()?;
    user_of(&object, id, secret, Timestamp::now())
}

fn user_of(object: &Value, id: &str, secret: &str, now: Timestamp) -> Option<UserInfo> {
    let field = |name: &str| {
        let bytes = STANDARD.decode(object["data"][name].as_str()?).ok()?;
        String::from_utf8(bytes).ok()
    };
    // By their digests, so that the time that comparing takes tells nothing.
    let digest = |text: &str| Sha256::digest(text.as_bytes());
    let is_meant = object["type"] == TYPE
        && object["metadata"]["deletionTimestamp"].is_null()
        && field("token-id")? == id
        && digest(&field("token-secret")?) == digest(secret)
        && field("usage-bootstrap-authentication")? == "true";
    let is_over = match field("expiration") {
        // What cannot be read does not live for ever.
        Some(time) => time.parse::<Timestamp>().map_or(true, |time| time <= now),
        None => false,
    };
    if !is_meant || is_over {
        return None;
    }
    let extra = field("auth-extra-groups").unwrap_or_default();
    let extra = extra.split(',').filter(|group| {
        group
            .strip_prefix(BOOTSTRAPPERS)
            .is_some_and(|rest| rest.starts_with(':'))
    });
    let groups = std::iter::once(BOOTSTRAPPERS).chain(extra);
    Some(UserInfo::new(
        format!("system:bootstrap:{id}"),
        groups.map(str::to_owned),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ID: &str = "abcdef";
    const SECRET: &str = "0123456789abcdef";

    fn secret(change: impl Fn(&mut Value)) -> Value {
        let encoded = |text: &str| STANDARD.encode(text);
        let mut object = json!({"type": TYPE, "metadata": {}, "data": {
            "token-id": encoded(ID),
            "token-secret": encoded(SECRET),
            "usage-bootstrap-authentication": encoded("true"),
            "expiration": encoded("2026-01-02T00:00:00Z"),
            "auth-extra-groups": encoded("system:bootstrappers:a,system:masters"),
        }});
        change(&mut object);
        object
    }

    #[test]
    fn a_token_is_believed_while_its_secret_says_so() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let known = |object: &Value, secret: &str| user_of(object, ID, secret, now);
        let user = known(&secret(|_| {}), SECRET).expect("believed");
        assert_eq!(user.name, "system:bootstrap:abcdef");
        assert_eq!(
            user.groups,
            ["system:bootstrappers", "system:bootstrappers:a"]
        );
        assert!(known(&secret(|_| {}), "0123456789abcdeg").is_none());
        let set = |name: &'static str, value: &'static str| {
            secret(move |object| object["data"][name] = STANDARD.encode(value).into())
        };
        for refused in [
            set("expiration", "2026-01-01T00:00:00Z"),
            set("expiration", "never"),
            set("usage-bootstrap-authentication", "false"),
            set("token-id", "abcdeg"),
            secret(|object| object["type"] = "Opaque".into()),
            secret(|object| {
                object["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into()
            }),
        ] {
            assert!(known(&refused, SECRET).is_none(), "{refused}");
        }
    }

    #[test]
    fn a_bootstrap_token_has_six_and_sixteen_characters() {
        for (token, expected) in [
            ("abcdef.0123456789abcdef", true),
            ("abcdef.0123456789abcde", false),
            ("ABCDEF.0123456789abcdef", false),
            ("abcdef0123456789abcdef", false),
            ("eyJh.eyJi.c2ln", false),
        ] {
            assert_eq!(parts(token).is_some(), expected, "{token}");
        }
    }
}
