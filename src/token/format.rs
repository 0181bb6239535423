//! The text of a join token: `K10<hash of the CA>::<id>.<secret>`.
//!
//! The hash tells a machine whom to trust before it trusts anybody; the rest is a bootstrap token of Kubernetes.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context, bail};
use rand::Rng;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};

/// What the first version of the text begins with, as that of K3s.
const PREFIX: &str = "K10";
const ID_LETTERS: usize = 6;
const SECRET_LETTERS: usize = 16;
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A join token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JoinToken {
    /// SHA-256 of the CA's certificate, in hexadecimal digits.
    pub(crate) ca_hash: String,
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl JoinToken {
    /// A fresh one for the cluster with this CA.
    pub(crate) fn new(ca_pem: &str) -> anyhow::Result<Self> {
        let ca = CertificateDer::from_pem_slice(ca_pem.as_bytes()).context("read the CA")?;
        Ok(Self {
            ca_hash: ca_hash(&ca),
            id: letters(ID_LETTERS),
            secret: letters(SECRET_LETTERS),
        })
    }

    /// What is shown to the API server.
    pub(crate) fn bearer(&self) -> String {
        format!("{}.{}", self.id, self.secret)
    }
}

/// The hash by which a token names its CA.
pub(crate) fn ca_hash(ca: &CertificateDer<'_>) -> String {
    let digest = Sha256::digest(ca);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// So many small letters and digits by chance.
pub(super) fn letters(count: usize) -> String {
    let mut chance = rand::rng();
    (0..count)
        .map(|_| char::from(LETTERS[chance.random_range(0..LETTERS.len())]))
        .collect()
}

impl fmt::Display for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}::{}", self.ca_hash, self.bearer())
    }
}

impl FromStr for JoinToken {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let parts = || {
            let (ca_hash, bearer) = text.trim().strip_prefix(PREFIX)?.split_once("::")?;
            let (id, secret) = bearer.split_once('.')?;
            let is_plain = |text: &str, length| {
                text.len() == length && text.bytes().all(|byte| LETTERS.contains(&byte))
            };
            let is_hash =
                ca_hash.len() == 64 && ca_hash.bytes().all(|byte| byte.is_ascii_hexdigit());
            (is_hash && is_plain(id, ID_LETTERS) && is_plain(secret, SECRET_LETTERS)).then(|| {
                Self {
                    ca_hash: ca_hash.to_ascii_lowercase(),
                    id: id.to_owned(),
                    secret: secret.to_owned(),
                }
            })
        };
        match parts() {
            Some(token) => Ok(token),
            // What was given is a secret, perhaps of something else: it is not shown.
            None => bail!(
                "--token is no join token: one looks like {PREFIX}<64 digits>::<6 letters>.<16 letters>"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_as_it_is_written() {
        let token = JoinToken {
            ca_hash: "ab".repeat(32),
            id: letters(ID_LETTERS),
            secret: letters(SECRET_LETTERS),
        };
        assert_eq!(
            format!(" {token}\n").parse::<JoinToken>().expect("sound"),
            token
        );
    }

    #[test]
    fn what_is_no_token_is_refused_without_being_shown() {
        let hash = "ab".repeat(32);
        for text in [
            String::new(),
            "abcdef.0123456789abcdef".to_owned(),
            format!("K10{hash}::abcdef.0123456789abcde"),
            format!("K10{hash}::abcdeF.0123456789abcdef"),
            format!("K10{hash}0::abcdef.0123456789abcdef"),
            format!("K11{hash}::abcdef.0123456789abcdef"),
        ] {
            let error = text.parse::<JoinToken>().expect_err("refused").to_string();
            assert!(error.starts_with("--token is no join token"), "{error}");
            assert!(text.is_empty() || !error.contains(&text), "{error}");
        }
    }
}
