//! Keys: checked strings that are cheap to share.

use std::{borrow::Borrow, fmt, ops::Deref, sync::Arc};

use serde::Serialize;

/// The longest key, in bytes: a name and a namespace of 253 each, a group and a plural, and room to spare.
pub const MAX_KEY_BYTES: usize = 1024;

/// A key such as `/registry/apps/deployments/default/web`. Cheap to clone; ordered by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Key(Arc<str>);

/// Why a string is no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The string is empty.
    #[error("a key must not be empty")]
    Empty,
    /// The string is longer than [`MAX_KEY_BYTES`].
    #[error("a key of {bytes} bytes is longer than {MAX_KEY_BYTES}")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The string has a NUL, which ends a key on disk.
    #[error("the key {key:?} contains a NUL")]
    Nul {
        /// The string.
        key: String,
    },
}

impl Key {
    /// Checks a string and makes it a key.
    ///
    /// # Errors
    /// When it is empty, longer than [`MAX_KEY_BYTES`], or contains a NUL.
    pub fn new(key: impl Into<Arc<str>>) -> Result<Self, KeyError> {
        let key = key.into();
        match key.len() {
            0 => Err(KeyError::Empty),
            bytes if bytes > MAX_KEY_BYTES => Err(KeyError::TooLong { bytes }),
            _ if key.contains('\0') => Err(KeyError::Nul {
                key: key.to_string(),
            }),
            _ => Ok(Self(key)),
        }
    }

    /// The key as a string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for Key {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// Lets ordered maps be searched by `&str`: the order of keys is that of their strings.
impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Key {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<&str> for Key {
    type Error = KeyError;

    fn try_from(key: &str) -> Result<Self, KeyError> {
        Self::new(key)
    }
}

impl TryFrom<String> for Key {
    type Error = KeyError;

    fn try_from(key: String) -> Result<Self, KeyError> {
        Self::new(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_short_nonempty_string_without_nul() {
        assert_eq!(Key::new("/a").unwrap().as_str(), "/a");
        assert_eq!(Key::new(""), Err(KeyError::Empty));
        assert!(Key::new("x".repeat(MAX_KEY_BYTES)).is_ok());
        let bytes = MAX_KEY_BYTES + 1;
        assert_eq!(
            Key::new("x".repeat(bytes)),
            Err(KeyError::TooLong { bytes })
        );
        assert!(matches!(Key::new("a\0b"), Err(KeyError::Nul { .. })));
    }
}
