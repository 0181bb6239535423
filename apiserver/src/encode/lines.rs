//! Lines of watches that many watchers get: written once, shared by all.

use std::collections::VecDeque;

use bytes::{BufMut as _, Bytes, BytesMut};
use parking_lot::Mutex;
use skiff_store::{Entry, Revision};

/// The most lines that are kept. Watchers of one change ask for it within moments of each other.
const LINES: usize = 64;
/// The most bytes that they may have together.
const BYTES: usize = 2 << 20;

/// The lines that were written last.
#[derive(Default)]
pub(crate) struct SharedLines {
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    lines: VecDeque<Line>,
    bytes: usize,
}

struct Line {
    kind: &'static str,
    revision: Revision,
    /// The stored bytes that it was made of; while they are held, nothing else can stand in their place in memory.
    source: Bytes,
    line: Bytes,
}

impl SharedLines {
    /// The line that tells of an object in the state of `entry`, as at a revision.
    pub(crate) fn line(&self, kind: &'static str, entry: &Entry, revision: Revision) -> Bytes {
        let source = &entry.value;
        if let Some(line) = self.recent.lock().find(kind, source, revision) {
            return line;
        }
        let line = write(kind, &entry.value_at(revision));
        self.recent.lock().keep(Line {
            kind,
            revision,
            source: source.clone(),
            line: line.clone(),
        });
        line
    }
}

impl Recent {
    fn find(&self, kind: &str, source: &Bytes, revision: Revision) -> Option<Bytes> {
        let same = |line: &&Line| {
            line.revision == revision
                && line.kind == kind
                && line.source.as_ptr() == source.as_ptr()
                && line.source.len() == source.len()
        };
        let found = self.lines.iter().rev().find(same)?;
        Some(found.line.clone())
    }

    fn keep(&mut self, line: Line) {
        self.bytes += line.line.len();
        self.lines.push_back(line);
        while self.lines.len() > LINES || self.bytes > BYTES {
            let Some(oldest) = self.lines.pop_front() else {
                return;
            };
            self.bytes -= oldest.line.len();
        }
    }
}

/// `{"type":"ADDED","object":{…}}` and a line end.
pub(super) fn write(kind: &str, object: &[u8]) -> Bytes {
    let mut line = BytesMut::with_capacity(object.len() + kind.len() + 32);
    line.put_slice(b"{\"type\":\"");
    line.put_slice(kind.as_bytes());
    line.put_slice(b"\",\"object\":");
    line.put_slice(object);
    line.put_slice(b"}\n");
    line.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use skiff_store::{Key, Value};

    fn entry(name: &str, size: usize) -> Entry {
        let value = Value::stamped("{\"v\":\"", format!("\",\"x\":\"{}\"}}", "x".repeat(size)));
        Entry::new(Key::new(name).unwrap(), &value, Revision(7), Revision(7))
    }

    #[test]
    fn a_line_is_written_once() {
        let lines = SharedLines::default();
        let object = entry("/a", 1);
        let first = lines.line("ADDED", &object, Revision(7));
        assert_eq!(
            first,
            "{\"type\":\"ADDED\",\"object\":{\"v\":\"7\",\"x\":\"x\"}}\n"
        );
        let second = lines.line("ADDED", &object.clone(), Revision(7));
        assert_eq!(second.as_ptr(), first.as_ptr());
        let deleted = lines.line("DELETED", &object, Revision(8));
        assert_eq!(
            deleted,
            "{\"type\":\"DELETED\",\"object\":{\"v\":\"8\",\"x\":\"x\"}}\n"
        );
        let other = lines.line("ADDED", &entry("/b", 2), Revision(7));
        assert_ne!(other, first);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let lines = SharedLines::default();
        for number in 0..100 {
            lines.line("ADDED", &entry(&format!("/{number}"), 1), Revision(7));
        }
        assert_eq!(lines.recent.lock().lines.len(), LINES);
        let huge = entry("/huge", BYTES);
        assert!(lines.line("ADDED", &huge, Revision(7)).len() > BYTES);
        let recent = lines.recent.lock();
        assert_eq!((recent.lines.len(), recent.bytes), (0, 0));
    }
}
