//! The token that a long list is continued with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use skiff_api::Status;

/// Where the next page begins: behind a key, in the table as it was at a revision.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    /// The format of the token.
    v: String,
    #[serde(rename = "rv")]
    pub(crate) revision: u64,
    /// The last key of the page before, below the list's own prefix.
    #[serde(rename = "start")]
    pub(crate) after: String,
}

const FORMAT: &str = "meta.k8s.io/v1";

impl Page {
    /// The page behind a key.
    pub(crate) fn new(revision: u64, after: &str) -> Self {
        Self {
            v: FORMAT.to_owned(),
            revision,
            after: after.to_owned(),
        }
    }

    /// The token for the client.
    pub(crate) fn encode(&self) -> String {
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    /// Reads a token that a client sends back.
    pub(crate) fn decode(token: &str) -> Result<Self, Status> {
        let malformed = || Status::bad_request("continue key is not valid: malformed value");
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| malformed())?;
        let page: Self = serde_json::from_slice(&bytes).map_err(|_| malformed())?;
        if page.v != FORMAT || page.revision == 0 || page.after.is_empty() {
            return Err(malformed());
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_back_as_it_went() {
        let page = Page::new(42, "default/web-1");
        assert_eq!(Page::decode(&page.encode()).unwrap(), page);
        for bad in ["", "%", "e30", "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ"] {
            assert!(Page::decode(bad).is_err(), "{bad}");
        }
    }
}
