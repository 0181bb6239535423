//! Values as a writer hands them in, before their revision is known.

use bytes::Bytes;

/// Bytes to be stored, with an optional place where the store writes the revision of the write, in decimal.
///
/// A Kubernetes object carries its own resource version, which is known only when the write commits. A writer
/// therefore encodes the object once and leaves a gap: `{"metadata":{"resourceVersion":"` … `"}}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    before: Bytes,
    /// What follows the revision; `None` when there is no place for one.
    after: Option<Bytes>,
}

impl Value {
    /// Bytes that are stored as they are.
    #[must_use]
    pub fn plain(bytes: impl Into<Bytes>) -> Self {
        Self {
            before: bytes.into(),
            after: None,
        }
    }

    /// Bytes with the revision of the write, in decimal, between `before` and `after`.
    #[must_use]
    pub fn stamped(before: impl Into<Bytes>, after: impl Into<Bytes>) -> Self {
        Self {
            before: before.into(),
            after: Some(after.into()),
        }
    }

    /// Bytes without the revision.
    #[must_use]
    pub fn len(&self) -> usize {
        self.before.len() + self.after.as_ref().map_or(0, Bytes::len)
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn parts(&self) -> (&Bytes, Option<&Bytes>) {
        (&self.before, self.after.as_ref())
    }
}
