//! Tokens that lists are continued with: as they come, and what is inside of them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use skiff_api::ContinueToken;

pub(crate) fn continue_tokens(bytes: &[u8]) {
    let wrapped = URL_SAFE_NO_PAD.encode(bytes);
    for text in [str::from_utf8(bytes).unwrap_or_default(), &wrapped] {
        let Ok(token) = ContinueToken::decode(text) else {
            continue;
        };
        assert_ne!(token.revision(), Some(0), "{text:?}");
        // Nobody gets out of the kind that he may list.
        let upwards = |part: &str| matches!(part, "" | "." | "..");
        assert!(!token.after().split('/').any(upwards), "{text:?}");
        assert_eq!(
            ContinueToken::decode(&token.encode()),
            Ok(token),
            "{text:?}"
        );
    }
}
