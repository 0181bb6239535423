//! The token that a long list is continued with (`metadata.continue`, and `continue` in the query of the next page).
//!
//! Clients must take it as it comes, but some tools look into it, so it is of the form that Kubernetes gives it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::Status;

const FORMAT: &str = "meta.k8s.io/v1";
/// How long the next page may be asked for that is of the revision of this one, in seconds: as long as etcd's compaction lets
/// it be in Kubernetes.
const GOOD_FOR_S: i64 = 5 * 60;
/// The newest revision, whichever that is.
const NEWEST: i64 = -1;

/// Where the next page begins: behind a key, in the table as it was at a revision, or as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContinueToken {
    /// The format of the token.
    v: String,
    #[serde(rename = "rv")]
    revision: i64,
    #[serde(rename = "start")]
    after: String,
    /// Until when the revision is good, in seconds since 1970; 0 is always.
    #[serde(default, skip_serializing_if = "is_zero")]
    until: i64,
}

impl ContinueToken {
    /// The token of the page behind a key, which is relative to the prefix of the kind: `default/web-1`.
    pub fn new(revision: u64, after: &str, now: Timestamp) -> Self {
        Self {
            v: FORMAT.to_owned(),
            revision: i64::try_from(revision).unwrap_or(NEWEST),
            after: after.to_owned(),
            until: now.as_second() + GOOD_FOR_S,
        }
    }

    /// The token of the same page of the table as it is: what changed meanwhile may be on both sides of the key.
    pub fn inconsistent(&self) -> Self {
        Self {
            revision: NEWEST,
            until: 0,
            ..self.clone()
        }
    }

    /// Of which revision the page is; `None` is the newest one.
    pub fn revision(&self) -> Option<u64> {
        u64::try_from(self.revision).ok()
    }

    /// Whether its revision is no longer good, though it may still be known.
    pub fn has_expired(&self, now: Timestamp) -> bool {
        self.until != 0 && self.until < now.as_second()
    }

    /// The last key of the page before. It has no part that is empty or leads upwards.
    pub fn after(&self) -> &str {
        &self.after
    }

    /// The token for the client.
    pub fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a token that a client sends back.
    ///
    /// # Errors
    /// 400 if it is none that this server has given.
    pub fn decode(token: &str) -> Result<Self, Status> {
        let invalid = |why: String| {
            let words = format!("invalid continue token: continue key is not valid{why}");
            Status::bad_request(words)
        };
        let bytes = URL_SAFE_NO_PAD.decode(token);
        let bytes = bytes.map_err(|error| invalid(format!(": {error}")))?;
        let token: Self =
            serde_json::from_slice(&bytes).map_err(|error| invalid(format!(": {error}")))?;
        let wrong = if token.v != FORMAT {
            ": server does not recognize this encoded version"
        } else if token.revision == 0 {
            ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
        } else if token.after.is_empty() {
            ": encoded start key empty (version meta.k8s.io/v1)"
        } else if !is_clean(&token.after) {
            ""
        } else {
            return Ok(token);
        };
        Err(invalid(wrong.to_owned()))
    }
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn is_clean(key: &str) -> bool {
    key.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for after in ["default/web-1", "node-1"] {
            let token = ContinueToken::new(42, after, at(1000));
            assert_eq!(token.revision(), Some(42));
            let newest = token.inconsistent();
            assert_eq!((newest.revision(), newest.after()), (None, after));
            assert!(!token.has_expired(at(1300)) && token.has_expired(at(1301)));
            assert!(!newest.has_expired(at(1301)));
            for token in [token, newest] {
                assert_eq!(ContinueToken::decode(&token.encode()), Ok(token));
            }
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        let v = "meta.k8s.io/v1";
        let cases = [
            (json!(1), ": invalid type"),
            (json!({ "v": v, "rv": "1", "start": "a" }), ": invalid type"),
            (
                json!({ "v": "v2", "rv": 1, "start": "a" }),
                ": server does not recognize this encoded version",
            ),
            (
                json!({ "v": v, "rv": 0, "start": "a" }),
                ": incorrect encoded start resourceVersion (version meta.k8s.io/v1)",
            ),
            (
                json!({ "v": v, "rv": 1, "start": "" }),
                ": encoded start key empty (version meta.k8s.io/v1)",
            ),
            (json!({ "v": v, "rv": 1, "start": "../secrets/a" }), ""),
            (json!({ "v": v, "rv": 1, "start": "a//b" }), ""),
        ];
        let base64 = |token: &str| URL_SAFE_NO_PAD.encode(token);
        let cases = cases.map(|(token, words)| (base64(&token.to_string()), words));
        for (token, words) in cases.into_iter().chain([("%".to_owned(), ": Invalid")]) {
            let refused = ContinueToken::decode(&token).unwrap_err();
            let words = format!("invalid continue token: continue key is not valid{words}");
            assert_eq!(refused.code(), 400);
            assert!(refused.message.starts_with(&words), "{}", refused.message);
        }
    }
}
