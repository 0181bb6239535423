//! Batches: what is committed at once, or not at all.

use std::collections::HashSet;

use crate::{CommitError, Key, Revision, Value};

/// The most operations of a batch.
pub const MAX_BATCH_OPS: usize = 64;
/// The most bytes of keys and values of a batch.
pub const MAX_BATCH_BYTES: usize = 8 << 20;

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Make the key, or write it again.
    Put {
        /// The key.
        key: Key,
        /// What to store there.
        value: Value,
    },
    /// Delete the key, which must be there.
    Delete {
        /// The key.
        key: Key,
    },
}

impl Op {
    pub(crate) fn key(&self) -> &Key {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Put { key, value } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
        }
    }
}

/// What must hold when a batch commits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The key is not there.
    Absent(Key),
    /// The key is there, and its last write is this one.
    AtRevision(Key, Revision),
    /// The key is there.
    Present(Key),
}

impl Precondition {
    pub(crate) fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::AtRevision(key, _) | Self::Present(key) => key,
        }
    }
}

/// Writes that are committed at once, at one revision, if all preconditions hold; otherwise nothing changes.
///
/// Bounds: at least one and at most [`MAX_BATCH_OPS`] operations, [`MAX_BATCH_BYTES`] bytes, each key once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// What must hold, checked in order.
    pub preconditions: Vec<Precondition>,
    /// What to write. A watch sees the changes of one batch in the order of their keys.
    pub ops: Vec<Op>,
}

impl Batch {
    /// Makes the key, which must not be there.
    #[must_use]
    pub fn create(key: Key, value: Value) -> Self {
        Self::default()
            .require(Precondition::Absent(key.clone()))
            .put(key, value)
    }

    /// Writes the key again, whose last write must be at `revision`.
    #[must_use]
    pub fn update(key: Key, value: Value, revision: Revision) -> Self {
        Self::default()
            .require(Precondition::AtRevision(key.clone(), revision))
            .put(key, value)
    }

    /// Deletes the key, whose last write must be at `revision`.
    #[must_use]
    pub fn remove(key: Key, revision: Revision) -> Self {
        Self::default()
            .require(Precondition::AtRevision(key.clone(), revision))
            .delete(key)
    }

    /// Adds a precondition.
    #[must_use]
    pub fn require(mut self, precondition: Precondition) -> Self {
        self.preconditions.push(precondition);
        self
    }

    /// Adds a write.
    #[must_use]
    pub fn put(mut self, key: Key, value: Value) -> Self {
        self.ops.push(Op::Put { key, value });
        self
    }

    /// Adds a deletion.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.ops.push(Op::Delete { key });
        self
    }

    /// Bytes of keys and values.
    pub(crate) fn bytes(&self) -> usize {
        self.ops.iter().map(Op::bytes).sum()
    }

    /// Holds the batch against its bounds.
    pub(crate) fn validate(&self) -> Result<(), CommitError> {
        if self.ops.is_empty() {
            return Err(CommitError::Empty);
        }
        let ops = self.ops.len().max(self.preconditions.len());
        if ops > MAX_BATCH_OPS {
            return Err(CommitError::TooManyOps { ops });
        }
        let bytes = self.bytes();
        if bytes > MAX_BATCH_BYTES {
            return Err(CommitError::TooLarge {
                bytes,
                bound: MAX_BATCH_BYTES,
            });
        }
        let mut seen = HashSet::with_capacity(self.ops.len());
        match self.ops.iter().find(|op| !seen.insert(op.key())) {
            Some(twice) => Err(CommitError::DuplicateKey {
                key: twice.key().clone(),
            }),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key::new(name).unwrap()
    }

    #[test]
    fn a_batch_has_bounds() {
        let puts = |n: usize| {
            (0..n).fold(Batch::default(), |batch, i| {
                batch.put(key(&format!("/{i}")), Value::plain("v"))
            })
        };
        assert!(puts(MAX_BATCH_OPS).validate().is_ok());
        assert!(matches!(
            puts(MAX_BATCH_OPS + 1).validate(),
            Err(CommitError::TooManyOps { ops: 65 })
        ));
        assert!(matches!(
            Batch::default().validate(),
            Err(CommitError::Empty)
        ));
        assert!(matches!(
            puts(2).delete(key("/1")).validate(),
            Err(CommitError::DuplicateKey { .. })
        ));
        let sized = |bytes: usize| Batch::default().put(key("/k"), Value::plain(vec![0; bytes]));
        assert!(sized(MAX_BATCH_BYTES - 2).validate().is_ok());
        assert!(matches!(
            sized(MAX_BATCH_BYTES).validate(),
            Err(CommitError::TooLarge { .. })
        ));
    }
}
