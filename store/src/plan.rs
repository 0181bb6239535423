//! The plan of a group: which batches commit, at which revisions, and the records they leave. Pure.

use std::collections::HashMap;

use crate::{Batch, CommitError, Entry, Key, Op, Precondition, Record, Revision, Snapshot};

/// Batches taken in one after the other; each sees what those before it will have done.
pub(crate) struct Plan<'a> {
    table: &'a Snapshot,
    /// What this plan leaves under the keys it touches.
    staged: HashMap<Key, Option<Entry>>,
    revision: Revision,
    /// The records to write, ordered by revision, then by key.
    pub(crate) records: Vec<Record>,
}

impl<'a> Plan<'a> {
    /// A plan on top of `table`, whose first commit takes the revision after `revision`.
    pub(crate) fn new(table: &'a Snapshot, revision: Revision) -> Self {
        Self {
            table,
            staged: HashMap::new(),
            revision,
            records: Vec::new(),
        }
    }

    /// Takes the batch in at the next revision, or says why not and takes nothing.
    pub(crate) fn stage(&mut self, batch: &Batch) -> Result<Revision, CommitError> {
        for (index, precondition) in batch.preconditions.iter().enumerate() {
            let current = self.current(precondition.key());
            if !holds(precondition, current) {
                let current = current.cloned();
                return Err(CommitError::Precondition { index, current });
            }
        }
        let revision = self.revision.next();
        let mut records = batch
            .ops
            .iter()
            .map(|op| self.record(op, revision))
            .collect::<Result<Vec<_>, _>>()?;
        records.sort_by(|a, b| a.key().cmp(b.key()));
        for record in &records {
            self.staged.insert(record.key().clone(), after(record));
        }
        self.records.append(&mut records);
        self.revision = revision;
        Ok(revision)
    }

    fn current(&self, key: &Key) -> Option<&Entry> {
        match self.staged.get(key) {
            Some(staged) => staged.as_ref(),
            None => self.table.get(key),
        }
    }

    fn record(&self, op: &Op, revision: Revision) -> Result<Record, CommitError> {
        let current = self.current(op.key());
        match op {
            Op::Put { key, value } => {
                let created = current.map_or(revision, |entry| entry.created);
                Ok(Record::Put(Entry::new(
                    key.clone(),
                    value,
                    revision,
                    created,
                )))
            }
            Op::Delete { key } if current.is_some() => Ok(Record::Delete {
                key: key.clone(),
                revision,
            }),
            Op::Delete { key } => Err(CommitError::Absent { key: key.clone() }),
        }
    }
}

fn after(record: &Record) -> Option<Entry> {
    match record {
        Record::Put(entry) => Some(entry.clone()),
        Record::Delete { .. } => None,
    }
}

/// Whether a precondition holds with what stands under its key.
pub(crate) fn holds(precondition: &Precondition, current: Option<&Entry>) -> bool {
    match precondition {
        Precondition::Absent(_) => current.is_none(),
        Precondition::Present(_) => current.is_some(),
        Precondition::AtRevision(_, revision) => {
            current.is_some_and(|entry| entry.revision == *revision)
        }
    }
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

    fn update(revision: u64) -> Batch {
        Batch::update(key("/a"), value(), Revision(revision))
    }

    /// Stages the batches on a table with `/a`, made at 5 and last written at 7; the next revision is 11.
    /// Answers each with its revision, or with the revision that stood in its way (0: the key is not there).
    fn stage(batches: &[Batch]) -> Vec<Result<u64, u64>> {
        let mut table = Snapshot::empty(Revision(10));
        let entry = Entry::new(key("/a"), &value(), Revision(7), Revision(5));
        table.apply(Record::Put(entry)).unwrap();
        let mut plan = Plan::new(&table, Revision(10));
        let verdicts = batches.iter().map(|batch| match plan.stage(batch) {
            Ok(revision) => Ok(revision.0),
            Err(CommitError::Precondition { current, .. }) => {
                Err(current.map_or(0, |entry| entry.revision.0))
            }
            Err(CommitError::Absent { .. }) => Err(0),
            Err(other) => panic!("{other}"),
        });
        verdicts.collect()
    }

    type Case = (&'static str, Vec<Batch>, Vec<Result<u64, u64>>);

    #[test]
    fn each_batch_sees_what_those_before_it_did() {
        let create = |name| Batch::create(key(name), value());
        let delete = |name| Batch::default().delete(key(name));
        let cases: &[Case] = &[
            ("create", vec![create("/b")], vec![Ok(11)]),
            ("create what is there", vec![create("/a")], vec![Err(7)]),
            ("update", vec![update(7)], vec![Ok(11)]),
            ("update of an old one", vec![update(6)], vec![Err(7)]),
            (
                "two updates of the same",
                vec![update(7), update(7)],
                vec![Ok(11), Err(11)],
            ),
            (
                "one after the other",
                vec![update(7), update(11)],
                vec![Ok(11), Ok(12)],
            ),
            (
                "a refusal takes no revision",
                vec![create("/a"), create("/b")],
                vec![Err(7), Ok(11)],
            ),
            ("delete what is not there", vec![delete("/b")], vec![Err(0)]),
            (
                "delete twice",
                vec![delete("/a"), delete("/a")],
                vec![Ok(11), Err(0)],
            ),
            (
                "delete and make again",
                vec![delete("/a"), create("/a"), update(12)],
                vec![Ok(11), Ok(12), Ok(13)],
            ),
        ];
        for (name, batches, expected) in cases {
            assert_eq!(&stage(batches), expected, "{name}");
        }
    }

    #[test]
    fn records_are_ordered_and_keep_the_first_revision() {
        let table = Snapshot::empty(Revision(10));
        let mut plan = Plan::new(&table, Revision(10));
        let both = Batch::default()
            .put(key("/b"), value())
            .put(key("/a"), value());
        plan.stage(&both).unwrap();
        plan.stage(&update(11)).unwrap();
        let seen: Vec<_> = plan
            .records
            .iter()
            .map(|record| match record {
                Record::Put(entry) => (entry.key.as_str(), entry.revision.0, entry.created.0),
                Record::Delete { .. } => panic!("nothing was deleted"),
            })
            .collect();
        assert_eq!(seen, [("/a", 11, 11), ("/b", 11, 11), ("/a", 12, 11)]);
    }
}
