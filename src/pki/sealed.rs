//! Secrets in a place that others may read: sealed by a token (AES-256-GCM, its key by PBKDF2 from the token).

use std::num::NonZeroU32;

use anyhow::{Context, anyhow};
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA256};
use rand::Rng;

/// What a sealed text begins with: the version of its form, which is sealed with it.
const FORM: &[u8] = b"skiff-sealed-1\n";
const SALT_BYTES: usize = 16;
const KEY_BYTES: usize = 32;
/// As OWASP recommends it for PBKDF2 with HMAC-SHA-256: tokens may be chosen by people.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(600_000).expect("it is not zero");

/// Seals a text: form, salt, nonce, and what nobody can read without the token.
///
/// # Errors
/// When the machine has no randomness.
pub(super) fn seal(text: &str, token: &str) -> anyhow::Result<Vec<u8>> {
    let salt: [u8; SALT_BYTES] = rand::rng().random();
    let mut body = text.as_bytes().to_vec();
    let nonce = key(token, &salt)?
        .seal_in_place_append_tag(Aad::from(FORM), &mut body)
        .map_err(|_| anyhow!("seal the keys"))?;
    let nonce: &[u8; NONCE_LEN] = nonce.as_ref();
    Ok([FORM, &salt, nonce, &body].concat())
}

/// Opens what was sealed; `None` if the token is another one, or somebody has changed it.
///
/// # Errors
/// When it is nothing that was sealed by this version.
pub(super) fn open(sealed: &[u8], token: &str) -> anyhow::Result<Option<String>> {
    let parts = || {
        let rest = sealed.strip_prefix(FORM)?;
        let (salt, rest) = rest.split_at_checked(SALT_BYTES)?;
        rest.split_at_checked(NONCE_LEN)
            .map(|(nonce, body)| (salt, nonce, body.to_vec()))
    };
    let (salt, nonce, mut body) = parts().context("the sealed keys are of an unknown form")?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| anyhow!("the nonce"))?;
    let opened = key(token, salt)?.open_in_place(nonce, Aad::from(FORM), &mut body);
    let Ok(text) = opened else {
        return Ok(None);
    };
    let text = std::str::from_utf8(text).context("the sealed keys are no text")?;
    Ok(Some(text.to_owned()))
}

fn key(token: &str, salt: &[u8]) -> anyhow::Result<RandomizedNonceKey> {
    let mut key = [0; KEY_BYTES];
    pbkdf2::derive(
        PBKDF2_HMAC_SHA256,
        ITERATIONS,
        salt,
        token.as_bytes(),
        &mut key,
    );
    RandomizedNonceKey::new(&AES_256_GCM, &key).map_err(|_| anyhow!("the key of the token"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_opens_what_it_sealed() {
        let sealed = seal("the keys", "a token of some letters").expect("sealed");
        let open_by = |sealed: &[u8], token| open(sealed, token).expect("of a known form");
        assert_eq!(
            open_by(&sealed, "a token of some letters").as_deref(),
            Some("the keys")
        );
        assert_eq!(open_by(&sealed, "a token of some letter"), None);
        let mut changed = sealed.clone();
        *changed.last_mut().expect("bytes") ^= 1;
        assert_eq!(open_by(&changed, "a token of some letters"), None);
        let shown = String::from_utf8_lossy(&sealed);
        assert!(!shown.contains("the keys"), "{shown}");
        for other in [&b""[..], b"skiff-sealed-2\n", &sealed[..30]] {
            open(other, "a token of some letters").expect_err("of an unknown form");
        }
    }
}
