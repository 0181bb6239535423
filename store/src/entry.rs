//! Entries: what stands under a key.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Key, Revision, Value};

/// Digits of the largest revision.
const MAX_DIGITS: usize = 20;

/// What stands under a key after a write. Cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Key,
    /// The value, the revision of its write already in its place.
    pub value: Bytes,
    /// The revision of the key's last write.
    pub revision: Revision,
    /// The revision of the write that made the key.
    pub created: Revision,
    stamp: Option<Stamp>,
}

/// Where the revision stands in a value. A value is shorter than 4 GiB, see [`crate::MAX_BATCH_BYTES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    at: u32,
    digits: u32,
}

impl Entry {
    /// The entry that a write of `value` at `revision` makes.
    #[must_use]
    pub fn new(key: Key, value: &Value, revision: Revision, created: Revision) -> Self {
        let (bytes, stamp) = match value.parts() {
            (plain, None) => (plain.clone(), None),
            (before, Some(after)) => {
                let (bytes, stamp) = join(before, revision, after);
                (bytes, Some(stamp))
            }
        };
        Self {
            key,
            value: bytes,
            revision,
            created,
            stamp,
        }
    }

    /// The value as if it had been written at `revision`: a watch reports a deleted object with the revision of
    /// its deletion. A value without a place for a revision is returned as it is.
    #[must_use]
    pub fn value_at(&self, revision: Revision) -> Bytes {
        match self.unstamped() {
            (_, None) => self.value.clone(),
            (before, Some(after)) => join(before, revision, after).0,
        }
    }

    /// Whether it is what a write of this value leaves.
    pub(crate) fn has(&self, value: &Value) -> bool {
        let (before, after) = value.parts();
        self.unstamped() == (before, after.map(|after| &after[..]))
    }

    /// The bytes before the revision and those after it; all of them and `None` when there is no place for one.
    pub(crate) fn unstamped(&self) -> (&[u8], Option<&[u8]>) {
        match self.stamp {
            None => (&self.value, None),
            Some(Stamp { at, digits }) => {
                let (at, end) = (at as usize, (at + digits) as usize);
                (&self.value[..at], Some(&self.value[end..]))
            }
        }
    }
}

fn join(before: &[u8], revision: Revision, after: &[u8]) -> (Bytes, Stamp) {
    let mut bytes = BytesMut::with_capacity(before.len() + MAX_DIGITS + after.len());
    bytes.put_slice(before);
    bytes.put_slice(revision.to_string().as_bytes());
    let stamp = Stamp {
        at: before.len() as u32,
        digits: (bytes.len() - before.len()) as u32,
    };
    bytes.put_slice(after);
    (bytes.freeze(), stamp)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: Value) -> Entry {
        Entry::new(Key::new("/k").unwrap(), &value, Revision(99), Revision(7))
    }

    #[test]
    fn a_revision_is_written_into_its_place() {
        let entry = entry(Value::stamped("{\"rv\":\"", "\"}"));
        assert_eq!(entry.value, "{\"rv\":\"99\"}");
        assert_eq!(entry.value_at(Revision(100)), "{\"rv\":\"100\"}");
        assert_eq!(entry.unstamped(), (&b"{\"rv\":\""[..], Some(&b"\"}"[..])));
    }

    #[test]
    fn a_plain_value_stays_as_it_is() {
        let entry = entry(Value::plain("bytes"));
        assert_eq!(entry.value, "bytes");
        assert_eq!(entry.value_at(Revision(100)), "bytes");
        assert_eq!(entry.unstamped(), (&b"bytes"[..], None));
    }
}
