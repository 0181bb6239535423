//! How a record lies in sled: in chunks, so that no page grows into a file of its own.
//!
//! ```text
//! key    r  revision (8, big endian)  key  NUL  chunk number (2, big endian)
//! value  chunk 0: header, bytes; chunks 1…: bytes
//! header kind (1: deletion, 2: plain, 3: stamped); for a write also
//!        created (8)  length (4)  the revision's place (4)
//! ```
//!
//! The value is stored without its revision, which is in the key already.

use bytes::Bytes;

use crate::{Change, EngineError, Entry, Key, Record, Revision, Value};

/// What every key of the log starts with.
pub(super) const LOG: &[u8] = b"r";

/// The most bytes of a value in one chunk. sled keeps a page of many such chunks well below the size from which
/// on it would be stored apart.
const CHUNK_BYTES: usize = 16 << 10;
const HEADER_BYTES: usize = 17;

const DELETION: u8 = 1;
const PLAIN: u8 = 2;
const STAMPED: u8 = 3;

/// Cuts a record into its rows.
pub(super) fn record_chunks(record: &Record, mut row: impl FnMut(Vec<u8>, Vec<u8>)) {
    match record {
        Record::Delete { key, revision } => row(log_key(*revision, key, 0), vec![DELETION]),
        Record::Put(entry) => {
            let (before, after) = entry.unstamped();
            let mut bytes = header(entry);
            bytes.extend(before);
            bytes.extend(after.unwrap_or_default());
            let first = bytes.len().min(HEADER_BYTES + CHUNK_BYTES);
            let rest = bytes.split_off(first);
            row(log_key(entry.revision, &entry.key, 0), bytes);
            for (chunk, number) in rest.chunks(CHUNK_BYTES).zip(1..) {
                row(log_key(entry.revision, &entry.key, number), chunk.to_vec());
            }
        }
    }
}

/// The rows that only a change needed which has left the window: what it replaced, and itself if it is a deletion.
pub(super) fn removed_keys(change: &Change, mut row: impl FnMut(Vec<u8>)) {
    if let Some(previous) = change.previous() {
        let (before, after) = previous.unstamped();
        let length = before.len() + after.map_or(0, <[u8]>::len);
        for number in 0..chunks(length) {
            row(log_key(previous.revision, &previous.key, number));
        }
    }
    if let Change::Delete { previous, revision } = change {
        row(log_key(*revision, &previous.key, 0));
    }
}

/// The lowest key of the log after a revision.
pub(super) fn log_key_after(revision: Revision) -> Vec<u8> {
    [LOG, &revision.next().0.to_be_bytes()].concat()
}

/// The revision in a key of the log.
pub(super) fn revision_of(key: &[u8]) -> Result<Revision, EngineError> {
    Ok(parse(key)?.0)
}

fn log_key(revision: Revision, key: &Key, chunk: u16) -> Vec<u8> {
    let revision = revision.0.to_be_bytes();
    [LOG, &revision, key.as_bytes(), &[0], &chunk.to_be_bytes()].concat()
}

/// How many chunks a value takes; a batch's bound keeps this far below `u16::MAX`.
fn chunks(length: usize) -> u16 {
    length.div_ceil(CHUNK_BYTES).max(1) as u16
}

fn header(entry: &Entry) -> Vec<u8> {
    let (before, after) = entry.unstamped();
    let length = before.len() + after.map_or(0, <[u8]>::len);
    let mut header = Vec::with_capacity(HEADER_BYTES + length);
    header.push(if after.is_some() { STAMPED } else { PLAIN });
    header.extend(entry.created.0.to_be_bytes());
    header.extend((length as u32).to_be_bytes());
    header.extend((before.len() as u32).to_be_bytes());
    header
}

fn parse(row: &[u8]) -> Result<(Revision, Key, u16), EngineError> {
    let parts = || {
        let (revision, rest) = row.strip_prefix(LOG)?.split_first_chunk()?;
        let (rest, number) = rest.split_last_chunk()?;
        let (nul, key) = rest.split_last()?;
        let key = Key::new(str::from_utf8(key).ok()?).ok()?;
        let revision = Revision(u64::from_be_bytes(*revision));
        (*nul == 0).then_some((revision, key, u16::from_be_bytes(*number)))
    };
    parts().ok_or_else(|| damaged(row, "its key cannot be read"))
}

fn damaged(row: &[u8], problem: &'static str) -> EngineError {
    let key = row.escape_ascii().to_string();
    EngineError::Record { key, problem }
}

/// Puts rows together again, in the order of their keys.
#[derive(Default)]
pub(super) struct Assembler {
    open: Option<Unfinished>,
}

/// A write whose chunks have not all come.
struct Unfinished {
    row: Vec<u8>,
    revision: Revision,
    key: Key,
    created: Revision,
    length: usize,
    /// Where the revision goes, if it goes anywhere.
    stamp: Option<usize>,
    next_chunk: u16,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes the next row in, and gives the record that it completes.
    pub(super) fn feed(&mut self, row: &[u8], chunk: &[u8]) -> Result<Option<Record>, EngineError> {
        let (revision, key, number) = parse(row)?;
        let mut open = match self.open.take() {
            None if number > 0 => return Err(damaged(row, "its first chunk is missing")),
            None if chunk == [DELETION] => return Ok(Some(Record::Delete { key, revision })),
            None => Unfinished::begin(row, revision, key, chunk)?,
            Some(mut open) => {
                if (open.revision, &open.key, open.next_chunk) != (revision, &key, number) {
                    return Err(damaged(&open.row, "a chunk is missing"));
                }
                open.bytes.extend_from_slice(chunk);
                open
            }
        };
        open.next_chunk = number + 1;
        if open.next_chunk < chunks(open.length) {
            self.open = Some(open);
            return Ok(None);
        }
        open.finish().map(Some)
    }

    /// Ends the log: nothing may be missing.
    pub(super) fn finish(self) -> Result<(), EngineError> {
        match self.open {
            None => Ok(()),
            Some(open) => Err(damaged(&open.row, "its last chunk is missing")),
        }
    }
}

impl Unfinished {
    fn begin(row: &[u8], revision: Revision, key: Key, chunk: &[u8]) -> Result<Self, EngineError> {
        let header = || {
            let (kind, rest) = chunk.split_first()?;
            let (created, rest) = rest.split_first_chunk()?;
            let (length, rest) = rest.split_first_chunk()?;
            let (place, bytes) = rest.split_first_chunk()?;
            let length = u32::from_be_bytes(*length) as usize;
            let place = u32::from_be_bytes(*place) as usize;
            let stamp = match *kind {
                PLAIN => None,
                STAMPED if place <= length => Some(place),
                _ => return None,
            };
            Some(Self {
                row: row.to_vec(),
                revision,
                key,
                created: Revision(u64::from_be_bytes(*created)),
                length,
                stamp,
                next_chunk: 0,
                bytes: bytes.to_vec(),
            })
        };
        header().ok_or_else(|| damaged(row, "its header cannot be read"))
    }

    fn finish(self) -> Result<Record, EngineError> {
        if self.bytes.len() != self.length {
            return Err(damaged(&self.row, "it has a wrong length"));
        }
        let bytes = Bytes::from(self.bytes);
        let value = match self.stamp {
            None => Value::plain(bytes),
            Some(at) => Value::stamped(bytes.slice(..at), bytes.slice(at..)),
        };
        let entry = Entry::new(self.key, &value, self.revision, self.created);
        Ok(Record::Put(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(value: &Value) -> Record {
        let key = Key::new("/a/b").unwrap();
        Record::Put(Entry::new(key, value, Revision(300), Revision(7)))
    }

    fn rows(record: &Record) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut rows = Vec::new();
        record_chunks(record, |key, chunk| rows.push((key, chunk)));
        rows
    }

    fn assemble(rows: &[(Vec<u8>, Vec<u8>)]) -> Result<Vec<Record>, EngineError> {
        let mut assembler = Assembler::default();
        let mut records = Vec::new();
        for (key, chunk) in rows {
            records.extend(assembler.feed(key, chunk)?);
        }
        assembler.finish()?;
        Ok(records)
    }

    fn sample(length: usize) -> Value {
        Value::stamped("{\"rv\":\"", vec![b'x'; length])
    }

    #[test]
    fn a_record_comes_back_as_it_went() {
        for length in [0, 1, CHUNK_BYTES - 7, CHUNK_BYTES - 6, 5 * CHUNK_BYTES] {
            let plain = Value::plain(vec![1; length]);
            for record in [put(&sample(length)), put(&plain)] {
                let rows = rows(&record);
                assert!(
                    rows.iter()
                        .all(|(_, c)| c.len() <= CHUNK_BYTES + HEADER_BYTES)
                );
                assert_eq!(assemble(&rows).unwrap(), [record], "{length} bytes");
            }
        }
        let (key, revision) = (Key::new("/a").unwrap(), Revision(9));
        let delete = Record::Delete { key, revision };
        assert_eq!(assemble(&rows(&delete)).unwrap(), [delete]);
    }

    #[test]
    fn what_a_change_replaced_is_removed_whole() {
        let record = put(&sample(3 * CHUNK_BYTES));
        let Record::Put(previous) = record.clone() else {
            panic!("not a write")
        };
        let revision = Revision(301);
        let mut removed = Vec::new();
        removed_keys(&Change::Delete { previous, revision }, |key| {
            removed.push(key)
        });
        let mut written: Vec<_> = rows(&record).into_iter().map(|(key, _)| key).collect();
        written.push(log_key(revision, record.key(), 0));
        assert_eq!(removed, written);
    }

    #[test]
    fn damage_is_found_wherever_it_is() {
        let sound = rows(&put(&sample(3 * CHUNK_BYTES)));
        for missing in 0..sound.len() {
            let mut rows = sound.clone();
            rows.remove(missing);
            assert!(assemble(&rows).is_err(), "without row {missing}");
        }
        for (at, value) in [(0, vec![]), (0, vec![9; 40]), (1, vec![0; 5])] {
            let mut rows = sound.clone();
            rows[at].1 = value;
            assert!(assemble(&rows).is_err(), "row {at} overwritten");
        }
        for key in [
            &b"r"[..],
            b"r12345678",
            b"r12345678\xff\0\0\0",
            b"r12345678a\x01\0\0",
        ] {
            assert!(assemble(&[(key.to_vec(), vec![DELETION])]).is_err());
        }
    }
}
