//! How far the engine has come in etcd's history: what it has heard, and what of that it has told. Pure.

use crate::{Position, Record, Revision};

/// The place in the history.
pub(super) struct Cursor {
    /// `revision` is up to where everything was told.
    told: Position,
    /// What was heard and is yet to be told.
    fresh: Vec<Record>,
    /// Up to where everything was heard.
    heard: Revision,
    /// All keys as they were at the start, until they are told.
    opening: Option<Vec<Record>>,
}

impl Cursor {
    /// Begins at a revision, with all keys as they were then.
    pub(super) fn new(start: Revision, opening: Vec<Record>) -> Self {
        Self {
            told: Position {
                oldest: start,
                revision: start,
            },
            fresh: Vec::new(),
            heard: start,
            opening: Some(opening),
        }
    }

    /// From where to where the history goes that was told.
    pub(super) fn told(&self) -> Position {
        self.told
    }

    /// Up to where everything was heard.
    pub(super) fn heard(&self) -> Revision {
        self.heard
    }

    /// Takes in what happened next.
    pub(super) fn hear(&mut self, mut records: Vec<Record>) {
        self.heard = records.last().map_or(self.heard, Record::revision);
        self.fresh.append(&mut records);
    }

    /// All that was heard since it was last asked for.
    pub(super) fn tell(&mut self) -> Vec<Record> {
        self.told.revision = self.heard;
        std::mem::take(&mut self.fresh)
    }

    /// All keys as they were at the start, once: they are not kept twice.
    pub(super) fn tell_opening(&mut self) -> Option<Vec<Record>> {
        self.opening.take()
    }

    /// Forgets where the history began.
    pub(super) fn forget(&mut self, oldest: Revision) {
        self.told.oldest = oldest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Key;

    fn gone(revision: u64) -> Record {
        Record::Delete {
            key: Key::new("/a").unwrap(),
            revision: Revision(revision),
        }
    }

    fn position(oldest: u64, revision: u64) -> Position {
        Position {
            oldest: Revision(oldest),
            revision: Revision(revision),
        }
    }

    #[test]
    fn what_is_heard_is_told_once_and_in_order() {
        let mut cursor = Cursor::new(Revision(5), Vec::new());
        assert_eq!((cursor.heard(), cursor.tell()), (Revision(5), Vec::new()));
        cursor.hear(vec![gone(6), gone(7)]);
        cursor.hear(Vec::new());
        cursor.hear(vec![gone(9)]);
        assert_eq!(cursor.heard(), Revision(9));
        assert_eq!(cursor.told(), position(5, 5), "nothing was told yet");
        assert_eq!(cursor.tell(), [gone(6), gone(7), gone(9)]);
        assert_eq!(cursor.told(), position(5, 9));
        assert_eq!(cursor.tell(), []);
        cursor.forget(Revision(7));
        assert_eq!(cursor.told(), position(7, 9));
    }

    #[test]
    fn the_opening_is_told_once() {
        let mut cursor = Cursor::new(Revision(5), vec![gone(5)]);
        assert_eq!(cursor.tell_opening(), Some(vec![gone(5)]));
        assert_eq!(cursor.tell_opening(), None);
        assert_eq!(cursor.told(), position(5, 5));
    }
}
