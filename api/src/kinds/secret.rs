//! Secrets.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::Value;

use super::common::cells::text;
use super::common::defaults::{default_to, ensure, remove};
use super::common::{Field, cells, checks, describe};
use super::stored_data;
use crate::field::{Error, Errors};
use crate::{Column, Descriptor, Strategy};

pub(super) fn descriptor() -> Descriptor {
    describe::namespaced(describe::CORE, "Secret", "secrets", Secret)
}

/// Stands for a value that an error must not show.
const REDACTED: &str = "<secret contents redacted>";

pub(super) struct Secret;

impl Strategy for Secret {
    /// `stringData` is for writing only: it ends up in `data`.
    fn default(&self, secret: &mut Value) {
        default_to(secret, "type", "Opaque");
        let Some(Value::Object(plain)) = remove(secret, "stringData") else {
            return;
        };
        let Some(data) = ensure(secret, "data") else {
            return;
        };
        for (key, value) in plain {
            data[key] = BASE64.encode(value.as_str().unwrap_or_default()).into();
        }
    }

    fn validate(&self, secret: &Value) -> Errors {
        let mut errors = Errors::new();
        let secret = Field::root(secret);
        validate_type(&secret, &mut errors);
        stored_data::validate(&[secret.get("data")], &mut errors);
        errors
    }

    fn validate_update(&self, new: &Value, old: &Value) -> Errors {
        let mut errors = Errors::new();
        let (new, old) = (Field::root(new), Field::root(old));
        checks::immutable(&new.get("type"), &old.get("type"), &mut errors);
        stored_data::validate_update(&new, &old, &["data"], &mut errors);
        errors
    }

    fn selectable_field(&self, secret: &Value, field: &str) -> Option<String> {
        (field == "type").then(|| text(secret, "/type").to_owned())
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            cells::name_column(),
            Column::new("Type", "string"),
            Column::new("Data", "string"),
            cells::age_column(),
        ]
    }

    fn cells(&self, secret: &Value, now: Timestamp) -> Vec<Value> {
        vec![
            cells::name(secret),
            text(secret, "/type").into(),
            cells::entries(secret, "/data").into(),
            cells::age(secret, now),
        ]
    }
}

/// What the well-known types must have in them.
fn validate_type(secret: &Field<'_>, errors: &mut Errors) {
    let data = secret.get("data");
    match secret.get("type").str() {
        "kubernetes.io/service-account-token" => {
            let annotations = secret.get("metadata").get("annotations");
            checks::required(
                &annotations.key("kubernetes.io/service-account.name"),
                errors,
            );
        }
        "kubernetes.io/dockercfg" => registry_logins(&data, ".dockercfg", errors),
        "kubernetes.io/dockerconfigjson" => registry_logins(&data, ".dockerconfigjson", errors),
        "kubernetes.io/basic-auth" => {
            let keys = ["username", "password"];
            if keys.iter().all(|key| !data.key(key).is_set()) {
                errors.extend(keys.map(|key| data.key(key).required("")));
            }
        }
        "kubernetes.io/ssh-auth" => checks::required(&data.key("ssh-privatekey"), errors),
        "kubernetes.io/tls" => {
            let missing = ["tls.crt", "tls.key"].map(|key| data.key(key));
            let missing = missing.iter().filter(|entry| !entry.is_set());
            errors.extend(missing.map(|entry| entry.required("")));
        }
        _ => {}
    }
}

fn registry_logins(data: &Field<'_>, key: &str, errors: &mut Errors) {
    let entry = data.key(key);
    if !entry.is_set() {
        errors.push(entry.required(""));
        return;
    }
    let bytes = BASE64.decode(entry.str()).unwrap_or_default();
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(&bytes) {
        errors.push(Error::invalid(entry.path(), REDACTED, error.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::kinds::common::testing::{assert_row, create_errors, created, update_errors};

    #[test]
    fn plain_strings_become_data() {
        let secret = json!({"data": {"a": "MQ==", "b": "MQ=="}, "stringData": {"b": "2"}});
        let stored = json!({"type": "Opaque", "data": {"a": "MQ==", "b": "Mg=="}});
        assert_eq!(created(&Secret, &secret), stored);
        assert_eq!(
            created(&Secret, &json!({"stringData": {"a": "1"}}))["data"],
            json!({"a": "MQ=="})
        );
    }

    #[test]
    fn what_users_get_wrong() {
        let cases: [(Value, &[&str]); 5] = [
            (
                json!({"type": "kubernetes.io/tls", "data": {"tls.crt": "", "tls.key": ""}}),
                &[],
            ),
            (
                json!({"type": "kubernetes.io/tls"}),
                &[
                    "data[tls.crt]: Required value",
                    "data[tls.key]: Required value",
                ],
            ),
            (
                json!({"type": "kubernetes.io/service-account-token"}),
                &["metadata.annotations[kubernetes.io/service-account.name]: Required value"],
            ),
            (
                json!({"type": "kubernetes.io/dockerconfigjson", "stringData": {".dockerconfigjson": "{"}}),
                &[
                    "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": \
                   EOF while parsing an object at line 1 column 1",
                ],
            ),
            (
                json!({"type": "kubernetes.io/basic-auth"}),
                &[
                    "data[username]: Required value",
                    "data[password]: Required value",
                ],
            ),
        ];
        for (secret, expected) in cases {
            assert_eq!(create_errors(&Secret, &secret), expected, "{secret}");
        }
    }

    #[test]
    fn the_type_stays() {
        let (old, new) = (json!({}), json!({"type": "example.com/mine"}));
        assert_eq!(
            update_errors(&Secret, &old, &new),
            ["type: Invalid value: \"example.com/mine\": field is immutable"]
        );
    }

    #[test]
    fn a_secret_in_the_list() {
        let object = json!({
            "metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "type": "Opaque", "data": {"a": "MQ=="},
        });
        let row = [
            ("Name", json!("a")),
            ("Type", json!("Opaque")),
            ("Data", json!(1)),
            ("Age", json!("5m")),
        ];
        assert_row(&Secret, &object, &row);
    }
}
