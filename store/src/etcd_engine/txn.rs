//! From batches to etcd's transactions, and back from its answers. Pure.

use std::collections::HashMap;

use etcd_client::{Compare, CompareOp, Txn, TxnOp};

use super::layout::{Layout, encode, number};
use crate::{
    Batch, CommitError, EngineError, Entry, Key, Op, Precondition, Revision, Verdict, plan::holds,
};

/// etcd's bound of a request unless it is started with another `--max-request-bytes`.
const MAX_REQUEST_BYTES: usize = 1536 << 10;
/// What a request takes for each key beside its bytes, at most: tags, lengths, a revision, a value's header.
const OVERHEAD_BYTES: usize = 48;

/// Holds a batch against what etcd takes.
pub(super) fn fits(layout: &Layout, batch: &Batch) -> Result<(), CommitError> {
    let is_path = |key: &&Key| key.starts_with('/') && key.len() > 1;
    if let Some(key) = keys(batch).find(|key| !is_path(key)) {
        return Err(CommitError::NoPath { key: key.clone() });
    }
    let bytes = request_bytes(layout, batch);
    if bytes > MAX_REQUEST_BYTES {
        return Err(too_large(layout, batch));
    }
    Ok(())
}

/// What a batch gets that etcd finds too large.
pub(super) fn too_large(layout: &Layout, batch: &Batch) -> CommitError {
    CommitError::TooLarge {
        bytes: request_bytes(layout, batch),
        bound: MAX_REQUEST_BYTES,
    }
}

/// A key that is judged is compared, and read if that fails; the mark is one more.
fn request_bytes(layout: &Layout, batch: &Batch) -> usize {
    let named: usize = judged(batch).map(|key| 2 * key.len()).sum();
    let names = 1 + batch.ops.len() + 2 * judged(batch).count();
    batch.bytes() + named + names * (layout.prefix_bytes() + OVERHEAD_BYTES)
}

/// The transaction of a batch: if all that must hold does, write and leave the mark; otherwise read what is there.
pub(super) fn build(layout: &Layout, batch: &Batch) -> Txn {
    let wanted = batch.preconditions.iter();
    let compares = wanted.map(|wanted| compare(layout, wanted));
    let compares = compares.chain(deleted(batch).map(|key| there(layout.name(key))));
    let mark = TxnOp::put(layout.mark(), "", None);
    let writes = batch.ops.iter().map(|op| write(layout, op)).chain([mark]);
    let reads = judged(batch).map(|key| TxnOp::get(layout.name(key), None));
    Txn::new()
        .when(compares.collect::<Vec<_>>())
        .and_then(writes.collect::<Vec<_>>())
        .or_else(reads.collect::<Vec<_>>())
}

fn compare(layout: &Layout, precondition: &Precondition) -> Compare {
    let name = layout.name(precondition.key());
    match precondition {
        Precondition::Absent(_) => Compare::create_revision(name, CompareOp::Equal, 0),
        Precondition::Present(_) => there(name),
        // To etcd 0 is the revision of what is not there; here nothing is at it.
        Precondition::AtRevision(_, Revision::ZERO) => {
            Compare::mod_revision(name, CompareOp::Less, 0)
        }
        Precondition::AtRevision(_, revision) => {
            Compare::mod_revision(name, CompareOp::Equal, number(*revision))
        }
    }
}

fn there(name: Vec<u8>) -> Compare {
    Compare::create_revision(name, CompareOp::Greater, 0)
}

fn write(layout: &Layout, op: &Op) -> TxnOp {
    let name = layout.name(op.key());
    match op {
        Op::Put { value, .. } => TxnOp::put(name, encode(value), None),
        Op::Delete { .. } => TxnOp::delete(name, None),
    }
}

/// The keys on which it depends whether a batch commits, in the order in which they are judged.
fn judged(batch: &Batch) -> impl Iterator<Item = &Key> {
    let wanted = batch.preconditions.iter().map(Precondition::key);
    wanted.chain(deleted(batch))
}

fn deleted(batch: &Batch) -> impl Iterator<Item = &Key> {
    let is_delete = |op: &&Op| matches!(op, Op::Delete { .. });
    batch.ops.iter().filter(is_delete).map(Op::key)
}

fn keys(batch: &Batch) -> impl Iterator<Item = &Key> {
    let written = batch.ops.iter().map(Op::key);
    batch
        .preconditions
        .iter()
        .map(Precondition::key)
        .chain(written)
}

/// Why etcd turned a batch down, from what it read then: an entry for each key that was judged, in their order.
pub(super) fn refusal(batch: &Batch, read: Vec<Option<Entry>>) -> Result<CommitError, EngineError> {
    let mut read = read.into_iter();
    for (index, precondition) in batch.preconditions.iter().enumerate() {
        let current = read.next().flatten();
        if !holds(precondition, current.as_ref()) {
            return Ok(CommitError::Precondition { index, current });
        }
    }
    let absent = deleted(batch).find(|_| read.next().flatten().is_none());
    match absent {
        Some(key) => Ok(CommitError::Absent { key: key.clone() }),
        None => Err(EngineError::EtcdContradiction),
    }
}

/// Whether a batch cannot be written twice: it requires of a key that it changes that nobody has done so since. That a key is
/// absent does not tell: what was made there may have been deleted since, and would live again.
pub(super) fn is_repeatable(batch: &Batch) -> bool {
    let changes = |wanted: &Precondition| is_guard(batch, wanted);
    let mut guards = batch.preconditions.iter().filter(|wanted| changes(wanted));
    guards.any(|wanted| matches!(wanted, Precondition::AtRevision(..)))
}

/// Whether this no longer holds once the batch is written.
fn is_guard(batch: &Batch, wanted: &Precondition) -> bool {
    let is_exact = !matches!(wanted, Precondition::Present(_));
    is_exact && batch.ops.iter().any(|op| op.key() == wanted.key())
}

/// What became of a batch that was sent again and refused: perhaps what stood in its way is itself. It is not if one of its
/// keys is as it was before: then another batch has written the same to the other, such as a quota after a Pod of equal size.
pub(super) fn sent_before(batch: &Batch, refusal: &CommitError) -> Verdict {
    let CommitError::Precondition {
        index,
        current: Some(current),
    } = refusal
    else {
        return Err(CommitError::Unknown);
    };
    let mut wanted = batch.preconditions.iter();
    let first = wanted.position(|wanted| is_guard(batch, wanted));
    let is_same = |op: &Op| match op {
        Op::Put { key, value } => *key == current.key && current.has(value),
        Op::Delete { .. } => false,
    };
    let is_own = first == Some(*index) && batch.ops.iter().any(is_same);
    is_own
        .then_some(current.revision)
        .ok_or(CommitError::Unknown)
}

/// Which batches may be under way at once, by their places. Each comes after those before it that write what it reads, or read
/// or write what it writes.
pub(super) fn waves(group: &[Batch]) -> Vec<Vec<usize>> {
    let mut waves: Vec<Vec<usize>> = Vec::new();
    // For each key the first wave after all that wrote it, and the first after all that touched it.
    let mut written: HashMap<&Key, usize> = HashMap::new();
    let mut touched: HashMap<&Key, usize> = HashMap::new();
    for (at, batch) in group.iter().enumerate() {
        let reads = || batch.preconditions.iter().map(Precondition::key);
        let writes = || batch.ops.iter().map(Op::key);
        let after_writers = reads().filter_map(|key| written.get(key));
        let after_all = writes().filter_map(|key| touched.get(key));
        let wave = after_writers.chain(after_all).max();
        let wave = wave.copied().unwrap_or_default();
        written.extend(writes().map(|key| (key, wave + 1)));
        for key in reads().chain(writes()) {
            let free = touched.entry(key).or_default();
            *free = (*free).max(wave + 1);
        }
        if wave == waves.len() {
            waves.push(Vec::new());
        }
        waves[wave].push(at);
    }
    waves
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn key(name: &str) -> Key {
        Key::new(name).unwrap()
    }

    fn value() -> Value {
        Value::plain("v")
    }

    fn put(name: &str) -> Batch {
        Batch::default().put(key(name), value())
    }

    fn entry(name: &str, revision: u64) -> Option<Entry> {
        let revision = Revision(revision);
        Some(Entry::new(key(name), &value(), revision, revision))
    }

    #[test]
    fn batches_come_one_after_the_other_where_they_must() {
        let guarded = |name, by| put(name).require(Precondition::Present(key(by)));
        // batches of a group | the places of those that go together
        let cases: &[(&[Batch], &[&[usize]])] = &[
            (&[], &[]),
            (&[put("/a"), put("/b"), put("/c")], &[&[0, 1, 2]]),
            (&[put("/a"), put("/a"), put("/b")], &[&[0, 2], &[1]]),
            (
                &[put("/a"), guarded("/b", "/a"), put("/b")],
                &[&[0], &[1], &[2]],
            ),
            (&[put("/a"), put("/a"), put("/a")], &[&[0], &[1], &[2]]),
            (&[guarded("/a", "/x"), guarded("/b", "/x")], &[&[0, 1]]),
            (
                &[
                    guarded("/a", "/x"),
                    put("/a"),
                    guarded("/b", "/a"),
                    guarded("/c", "/x"),
                    put("/x"),
                ],
                &[&[0, 3], &[1, 4], &[2]],
            ),
            (
                &[
                    put("/x"),
                    guarded("/a", "/x"),
                    guarded("/b", "/x"),
                    put("/x"),
                ],
                &[&[0], &[1, 2], &[3]],
            ),
        ];
        for (group, expected) in cases {
            assert_eq!(&waves(group), expected, "{group:?}");
        }
    }

    /// The place of the precondition that fails, and the revision of what is there; the key that cannot be deleted.
    fn why(batch: &Batch, read: Vec<Option<Entry>>) -> Result<(usize, Option<u64>), String> {
        match refusal(batch, read) {
            Ok(CommitError::Precondition { index, current }) => {
                Ok((index, current.map(|entry| entry.revision.0)))
            }
            Ok(CommitError::Absent { key }) => Err(key.to_string()),
            Ok(other) => panic!("{other}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn the_first_that_does_not_hold_is_told() {
        let create = Batch::create(key("/a"), value());
        let update = Batch::update(key("/a"), value(), Revision(7));
        let both = update.clone().require(Precondition::Present(key("/b")));
        let delete = put("/x").delete(key("/a")).delete(key("/b"));
        let guarded = Batch::remove(key("/a"), Revision(7));
        let contradiction = EngineError::EtcdContradiction.to_string();
        let cases = [
            (&create, vec![entry("/a", 7)], Ok((0, Some(7)))),
            (&update, vec![entry("/a", 8)], Ok((0, Some(8)))),
            (&update, vec![None], Ok((0, None))),
            (&both, vec![entry("/a", 7), None], Ok((1, None))),
            (&both, vec![entry("/a", 8), None], Ok((0, Some(8)))),
            (&delete, vec![None, None], Err("/a".into())),
            (&delete, vec![entry("/a", 7), None], Err("/b".into())),
            (
                &guarded,
                vec![entry("/a", 8), entry("/a", 8)],
                Ok((0, Some(8))),
            ),
            (&create, vec![None], Err(contradiction)),
        ];
        for (batch, read, expected) in cases {
            assert_eq!(why(batch, read.clone()), expected, "{batch:?} {read:?}");
        }
    }

    #[test]
    fn a_batch_that_is_sent_again_knows_itself() {
        let value = |text: &'static str| Value::stamped("<", text);
        let there = |text: &'static str, revision| {
            let revision = Revision(revision);
            Some(Entry::new(key("/a"), &value(text), revision, revision))
        };
        let create = Batch::create(key("/a"), value("mine"));
        let update = Batch::update(key("/a"), value("mine"), Revision(7));
        let remove = Batch::remove(key("/a"), Revision(7));
        let blind = put("/a").require(Precondition::Present(key("/a")));
        let elsewhere = put("/b").require(Precondition::AtRevision(key("/a"), Revision(7)));
        // batch | whether it may be sent again | what is there then | where it was written
        let cases = [
            (&create, false, there("theirs", 9), None),
            (&update, true, there("mine", 9), Some(9)),
            (&update, true, there("theirs", 9), None),
            (&update, true, None, None),
            (&remove, true, None, None),
            (&blind, false, None, None),
            (&elsewhere, false, there("theirs", 9), None),
        ];
        for (batch, repeatable, current, expected) in cases {
            assert_eq!(is_repeatable(batch), repeatable, "{batch:?}");
            let refusal = CommitError::Precondition { index: 0, current };
            let verdict = sent_before(batch, &refusal);
            assert_eq!(
                verdict.ok().map(|at| at.0),
                expected,
                "{batch:?} {refusal:?}"
            );
        }
    }

    #[test]
    fn a_batch_is_not_taken_for_another_that_wrote_the_same_beside() {
        let quota = |batch: Batch| {
            let unchanged = Precondition::AtRevision(key("/quota"), Revision(7));
            batch.require(unchanged).put(key("/quota"), value())
        };
        let guard = Precondition::Present(key("/ns"));
        let pod = || Batch::create(key("/pod"), value()).require(guard.clone());
        let create = quota(pod());
        let remove = quota(Batch::remove(key("/pod"), Revision(7)));
        let guarded = quota(Batch::default().require(guard.clone()));
        // batch | the precondition that fails | what is there then | where it was written
        let cases = [
            (&create, 0, entry("/pod", 9), Some(9)),
            (&create, 2, entry("/quota", 9), None),
            (&remove, 0, None, None),
            (&remove, 1, entry("/quota", 9), None),
            (&guarded, 0, None, None),
            (&guarded, 1, entry("/quota", 9), Some(9)),
        ];
        for (batch, index, current, expected) in cases {
            assert!(is_repeatable(batch), "{batch:?}");
            let refusal = CommitError::Precondition { index, current };
            let written = sent_before(batch, &refusal).ok();
            assert_eq!(written.map(|at| at.0), expected, "{batch:?} {refusal:?}");
        }
    }

    #[test]
    fn what_etcd_would_not_take_is_not_sent() {
        let layout = Layout::new("/skiff");
        let sized = |bytes: usize| Batch::create(key("/k"), Value::plain(vec![0; bytes]));
        assert!(fits(&layout, &sized(1 << 20)).is_ok());
        let refused = fits(&layout, &sized(MAX_REQUEST_BYTES));
        assert!(matches!(
            refused,
            Err(CommitError::TooLarge { bytes, bound: MAX_REQUEST_BYTES }) if bytes > MAX_REQUEST_BYTES
        ));
        for name in ["k", "/"] {
            let refused = fits(&layout, &put(name));
            assert!(matches!(refused, Err(CommitError::NoPath { .. })), "{name}");
        }
    }
}
