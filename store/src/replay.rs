//! Replaying a log: from its records to the table and the window, with every rule of the log checked on the way.

use std::sync::Arc;

use crate::{Entry, History, Key, Position, Record, Revision, Snapshot, window::Window};

/// How a log contradicts itself.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Inconsistency {
    /// A record does not follow the one before it.
    #[error("{key} at revision {revision} does not follow what stands before it")]
    Order {
        /// The record's key.
        key: Key,
        /// The record's revision.
        revision: Revision,
    },
    /// A record is newer than the newest revision.
    #[error("{key} at revision {revision} is ahead of the store")]
    Ahead {
        /// The record's key.
        key: Key,
        /// The record's revision.
        revision: Revision,
    },
    /// A key is deleted that is not there.
    #[error("{key} is deleted at revision {revision}, but is not there")]
    DeleteOfAbsent {
        /// The key.
        key: Key,
        /// The revision of the deletion.
        revision: Revision,
    },
    /// A record is still there that only forgotten history needed.
    #[error("{key} at revision {revision} should have been compacted")]
    Leftover {
        /// The record's key.
        key: Key,
        /// The record's revision.
        revision: Revision,
    },
    /// A record's creation revision is not that of its key.
    #[error("{key} at revision {revision} has a wrong creation revision")]
    Created {
        /// The record's key.
        key: Key,
        /// The record's revision.
        revision: Revision,
    },
}

/// Replays all records of a log, from the oldest, into the table at its newest revision and the window behind it.
pub(crate) fn replay(
    records: Vec<Record>,
    position: Position,
    bounds: History,
) -> Result<(Snapshot, Window), Inconsistency> {
    let mut table = Snapshot::empty(Revision::ZERO);
    let mut window = Window::new(position.oldest, bounds);
    let mut last: Option<(Revision, Key)> = None;
    for record in records {
        let (key, revision) = (record.key().clone(), record.revision());
        if last.is_some_and(|last| last >= (revision, key.clone())) {
            return Err(Inconsistency::Order { key, revision });
        }
        if revision > position.revision {
            return Err(Inconsistency::Ahead { key, revision });
        }
        let in_window = revision > position.oldest;
        let previous = table.get(&key);
        if !in_window && (previous.is_some() || matches!(record, Record::Delete { .. })) {
            return Err(Inconsistency::Leftover { key, revision });
        }
        if let Record::Put(entry) = &record
            && !created_fits(entry, previous, in_window)
        {
            return Err(Inconsistency::Created { key, revision });
        }
        let change = table.apply(record)?;
        if in_window {
            window.push(Arc::new(change));
        }
        last = Some((revision, key));
    }
    table.revision = position.revision;
    Ok((table, window))
}

fn created_fits(entry: &Entry, previous: Option<&Entry>, in_window: bool) -> bool {
    match previous {
        Some(previous) => entry.created == previous.created,
        None if in_window => entry.created == entry.revision,
        None => entry.created <= entry.revision,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn put(key: &str, revision: u64, created: u64) -> Record {
        let key = Key::new(key).unwrap();
        let value = Value::plain("v");
        Record::Put(Entry::new(
            key,
            &value,
            Revision(revision),
            Revision(created),
        ))
    }

    fn delete(key: &str, revision: u64) -> Record {
        Record::Delete {
            key: Key::new(key).unwrap(),
            revision: Revision(revision),
        }
    }

    /// Replays a log whose window starts behind 5 and whose newest revision is 9.
    fn run(records: Vec<Record>) -> Result<(usize, usize), Inconsistency> {
        let position = Position {
            oldest: Revision(5),
            revision: Revision(9),
        };
        let (table, window) = replay(records, position, History::default())?;
        Ok((table.len(), window.changes().len()))
    }

    #[test]
    fn a_sound_log_gives_table_and_window() {
        let log = vec![
            put("/a", 3, 2),
            put("/b", 5, 5),
            put("/a", 6, 2),
            delete("/b", 7),
            put("/b", 9, 9),
            put("/c", 9, 9),
        ];
        assert_eq!(run(log), Ok((3, 4)));
    }

    #[test]
    fn every_broken_rule_is_found() {
        let (key, revision) = (Key::new("/a").unwrap(), Revision);
        let at = |r| (key.clone(), revision(r));
        let order = |(key, revision)| Inconsistency::Order { key, revision };
        let ahead = |(key, revision)| Inconsistency::Ahead { key, revision };
        let leftover = |(key, revision)| Inconsistency::Leftover { key, revision };
        let absent = |(key, revision)| Inconsistency::DeleteOfAbsent { key, revision };
        let created = |(key, revision)| Inconsistency::Created { key, revision };
        let cases = [
            (vec![put("/b", 6, 6), put("/a", 6, 6)], order(at(6))),
            (vec![put("/b", 7, 7), put("/a", 6, 6)], order(at(6))),
            (vec![put("/a", 10, 10)], ahead(at(10))),
            (vec![put("/a", 3, 3), put("/a", 4, 3)], leftover(at(4))),
            (vec![put("/a", 3, 3), delete("/a", 4)], leftover(at(4))),
            (vec![delete("/a", 6)], absent(at(6))),
            (vec![put("/a", 3, 4)], created(at(3))),
            (vec![put("/a", 6, 5)], created(at(6))),
            (vec![put("/a", 3, 3), put("/a", 6, 6)], created(at(6))),
        ];
        for (log, expected) in cases {
            assert_eq!(run(log.clone()), Err(expected), "{log:?}");
        }
    }
}
