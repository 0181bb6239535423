//! Snapshots: the table by key, as it was at a revision.

use std::ops::Bound;

use imbl::OrdMap;

use crate::{Change, Entry, Inconsistency, Key, Record, Revision};

/// The whole table as it was at one revision. Immutable; cheap to clone and to hold: snapshots share what is equal.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub(crate) revision: Revision,
    entries: OrdMap<Key, Entry>,
}

impl Snapshot {
    pub(crate) fn empty(revision: Revision) -> Self {
        Self {
            revision,
            entries: OrdMap::new(),
        }
    }

    /// The revision it was taken at: it has every commit up to this one, and none after.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// What stands under the key.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.get(key)
    }

    /// The entries whose key starts with `prefix`, in the order of their keys; with `after`, only those behind that key.
    pub fn range(&self, prefix: &str, after: Option<&str>) -> impl Iterator<Item = &Entry> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        self.entries
            .range::<_, str>((start, Bound::Unbounded))
            .map(|(_, entry)| entry)
            .take_while(move |entry| entry.key.starts_with(prefix))
    }

    /// How many keys start with `prefix`.
    #[must_use]
    pub fn count(&self, prefix: &str) -> usize {
        self.range(prefix, None).count()
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Moves on to the record's revision.
    pub(crate) fn apply(&mut self, record: Record) -> Result<Change, Inconsistency> {
        let revision = record.revision();
        let change = match record {
            Record::Put(entry) => {
                let previous = self.entries.insert(entry.key.clone(), entry.clone());
                Change::Put { entry, previous }
            }
            Record::Delete { key, revision } => match self.entries.remove(&key) {
                Some(previous) => Change::Delete { previous, revision },
                None => return Err(Inconsistency::DeleteOfAbsent { key, revision }),
            },
        };
        self.revision = revision;
        Ok(change)
    }

    /// Takes a change back. Changes are to be undone from the newest to the oldest.
    pub(crate) fn undo(&mut self, change: &Change) {
        match change.previous() {
            Some(previous) => self.entries.insert(previous.key.clone(), previous.clone()),
            None => self.entries.remove(change.key()),
        };
    }

    pub(crate) fn same_entries(&self, other: &Self) -> bool {
        self.entries == other.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn snapshot(keys: &[&str]) -> Snapshot {
        let mut snapshot = Snapshot::empty(Revision::FIRST);
        for (key, revision) in keys.iter().zip(2..) {
            let revision = Revision(revision);
            let key = Key::new(*key).unwrap();
            let entry = Entry::new(key, &Value::plain("v"), revision, revision);
            snapshot.apply(Record::Put(entry)).unwrap();
        }
        snapshot
    }

    #[test]
    fn a_range_is_a_prefix_behind_a_key() {
        let snapshot = snapshot(&["/a/1", "/b/1", "/b/2", "/b/3", "/c/1"]);
        let cases: &[(&str, Option<&str>, &[&str])] = &[
            ("/b/", None, &["/b/1", "/b/2", "/b/3"]),
            ("/b/", Some("/b/1"), &["/b/2", "/b/3"]),
            ("/b/", Some("/b/15"), &["/b/2", "/b/3"]),
            ("/b/", Some("/a/9"), &["/b/1", "/b/2", "/b/3"]),
            ("/b/", Some("/c"), &[]),
            ("/x/", None, &[]),
            ("", None, &["/a/1", "/b/1", "/b/2", "/b/3", "/c/1"]),
        ];
        for (prefix, after, expected) in cases {
            let keys: Vec<_> = snapshot.range(prefix, *after).map(|e| &*e.key).collect();
            assert_eq!(&keys, expected, "{prefix} after {after:?}");
        }
        assert_eq!(snapshot.count("/b/"), 3);
    }
}
