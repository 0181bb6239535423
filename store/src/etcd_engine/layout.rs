//! How an entry lies in etcd.
//!
//! ```text
//! key    the prefix  the key, which begins with a slash
//! mark   the prefix  a slash alone; every transaction writes it
//! value  kind (2: plain, 3: stamped); if stamped, the revision's place (4, big endian); bytes
//! ```
//!
//! The value is stored without its revision, which is known only when it is there: etcd's `mod_revision`. What a key was
//! made at is its `create_revision`.
//!
//! The mark's `mod_revision` is the newest revision of this cluster, so one small read tells it. etcd's own would not do, for it
//! may be of another prefix, of which the watch never tells; and the progress that a watch can be asked for overtakes
//! its events in etcd before 3.4.25 and 3.5.8 (<https://github.com/etcd-io/etcd/issues/15220>).

use bytes::Bytes;
use etcd_client::{Event, EventType, KeyValue};

use crate::{EngineError, Entry, Key, Record, Revision, Value};

const PLAIN: u8 = 2;
const STAMPED: u8 = 3;
const PLACE_BYTES: usize = 4;

/// Where keys lie: below a prefix that does not end with a slash.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    prefix: String,
}

impl Layout {
    /// Below a prefix, with or without a slash at its end.
    pub(super) fn new(prefix: &str) -> Self {
        let prefix = prefix.trim_end_matches('/').to_owned();
        Self { prefix }
    }

    /// What every key begins with, the slash included: no other cluster's prefix does. By itself it is the mark.
    pub(super) fn mark(&self) -> Vec<u8> {
        format!("{}/", self.prefix).into_bytes()
    }

    /// The lowest key that may be one of ours: behind the mark.
    pub(super) fn start(&self) -> Vec<u8> {
        format!("{}/\0", self.prefix).into_bytes()
    }

    /// The lowest key behind all of ours.
    pub(super) fn end(&self) -> Vec<u8> {
        let after_slash = char::from(b'/' + 1);
        format!("{}{after_slash}", self.prefix).into_bytes()
    }

    /// A key's name in etcd.
    pub(super) fn name(&self, key: &Key) -> Vec<u8> {
        [self.prefix.as_bytes(), key.as_bytes()].concat()
    }

    /// How much longer a key is in etcd.
    pub(super) fn prefix_bytes(&self) -> usize {
        self.prefix.len()
    }

    /// Reads what stands under a key.
    pub(super) fn entry(&self, stored: &KeyValue) -> Result<Entry, EngineError> {
        let key = self.key(stored)?;
        let value = decode(stored.value())
            .ok_or_else(|| damaged(stored, "its value is not one of this program"))?;
        let created = revision(stored.create_revision());
        Ok(Entry::new(
            key,
            &value,
            revision(stored.mod_revision()),
            created,
        ))
    }

    /// Reads what happened to a key.
    pub(super) fn record(&self, event: &Event) -> Result<Record, EngineError> {
        let Some(stored) = event.kv() else {
            return Err(EngineError::Record {
                key: "?".into(),
                problem: "its event names no key",
            });
        };
        match event.event_type() {
            EventType::Put => self.entry(stored).map(Record::Put),
            EventType::Delete => Ok(Record::Delete {
                key: self.key(stored)?,
                revision: revision(stored.mod_revision()),
            }),
        }
    }

    fn key(&self, stored: &KeyValue) -> Result<Key, EngineError> {
        let key = || {
            let key = stored.key().strip_prefix(self.prefix.as_bytes())?;
            Key::new(str::from_utf8(key).ok()?).ok()
        };
        key().ok_or_else(|| damaged(stored, "its key cannot be read"))
    }
}

/// A revision of etcd, which is never negative.
pub(super) fn revision(number: i64) -> Revision {
    Revision(u64::try_from(number).unwrap_or_default())
}

/// A revision as etcd knows it.
pub(super) fn number(revision: Revision) -> i64 {
    i64::try_from(revision.0).unwrap_or(i64::MAX)
}

/// A value as it is stored.
pub(super) fn encode(value: &Value) -> Vec<u8> {
    let (before, after) = value.parts();
    let mut bytes = Vec::with_capacity(1 + PLACE_BYTES + value.len());
    match after {
        None => bytes.push(PLAIN),
        Some(_) => {
            bytes.push(STAMPED);
            bytes.extend((before.len() as u32).to_be_bytes());
        }
    }
    bytes.extend_from_slice(before);
    bytes.extend_from_slice(after.map_or(&[][..], |after| after));
    bytes
}

fn decode(stored: &[u8]) -> Option<Value> {
    let (kind, rest) = stored.split_first()?;
    match *kind {
        PLAIN => Some(Value::plain(Bytes::copy_from_slice(rest))),
        STAMPED => {
            let (place, bytes) = rest.split_first_chunk()?;
            let place = u32::from_be_bytes(*place) as usize;
            let (before, after) = bytes.split_at_checked(place)?;
            let (before, after) = (
                Bytes::copy_from_slice(before),
                Bytes::copy_from_slice(after),
            );
            Some(Value::stamped(before, after))
        }
        _ => None,
    }
}

fn damaged(stored: &KeyValue, problem: &'static str) -> EngineError {
    let key = stored.key().escape_ascii().to_string();
    EngineError::Record { key, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_went() {
        let values = [
            Value::plain(""),
            Value::plain("bytes"),
            Value::stamped("", ""),
            Value::stamped("{\"rv\":\"", "\"}"),
        ];
        for value in values {
            assert_eq!(decode(&encode(&value)), Some(value));
        }
    }

    #[test]
    fn what_is_not_ours_is_no_value() {
        // nothing, JSON, a kind to come, no place, a place behind the end
        let cases: &[&[u8]] = &[b"", b"{}", b"\x04", b"\x03\0\0", b"\x03\0\0\0\x03ab"];
        for stored in cases {
            assert_eq!(decode(stored), None, "{}", stored.escape_ascii());
        }
    }

    #[test]
    fn keys_lie_between_start_and_end() {
        for prefix in ["/skiff", "/skiff/"] {
            let layout = Layout::new(prefix);
            let name = layout.name(&Key::new("/registry/core/pods/a").unwrap());
            assert_eq!(name, b"/skiff/registry/core/pods/a");
            assert!(layout.start() < name && name < layout.end());
            assert!(layout.mark() < layout.start());
            let others = Layout::new("/skiff2").name(&Key::new("/registry").unwrap());
            assert!(others > layout.end() || others < layout.start());
        }
    }
}
