//! The world: a store on a bed, its watches, and the model that knows what they must say.

use std::collections::BTreeMap;

use skiff_store::{
    Batch, CommitError, History, Options, Precondition, Revision, Snapshot, Store, Value, Watch,
};

use super::{
    Guard, HISTORY, KEYS, PREFIXES, Step, Write,
    model::{Model, Standing},
};
use crate::{
    bed::Bed,
    common::{key, line},
};

struct Watched {
    watch: Watch,
    prefix: &'static str,
    after: u64,
    lines: Vec<String>,
}

pub(super) struct World<'a> {
    bed: &'a Bed,
    prefix: String,
    store: Option<Store>,
    watches: Vec<Watched>,
    model: Model,
}

fn options() -> Options {
    Options {
        history: History {
            changes: HISTORY,
            bytes: usize::MAX,
        },
        watch_backlog_bytes: usize::MAX,
    }
}

impl<'a> World<'a> {
    /// An empty one, below a prefix if the bed is shared.
    pub(super) async fn new(bed: &'a Bed, prefix: String) -> Self {
        let store = bed.open_below(&prefix, options()).await;
        let model = Model::new(store.revision().0);
        let store = Some(store);
        let watches = Vec::new();
        Self {
            bed,
            prefix,
            store,
            watches,
            model,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    pub(super) async fn step(&mut self, step: &Step) {
        let revision = self.store().revision().0;
        let back = |back: &u64| revision.saturating_sub(*back);
        match step {
            Step::Commit(writes) => self.commit(writes).await,
            Step::Compact { back: by } => {
                let to = back(by);
                self.store().compact(Revision(to)).await.unwrap();
                self.model.oldest = self.model.oldest.max(to);
            }
            Step::Watch { prefix, back: by } => self.watch(PREFIXES[*prefix], back(by)),
            Step::Read { back: by } => self.read(back(by)).await,
            Step::Reopen { clean } => self.reopen(*clean).await,
        }
        self.verify();
    }

    async fn commit(&mut self, writes: &[Write]) {
        let mut writes = writes.to_vec();
        writes.sort_by_key(|write| write.key);
        writes.dedup_by_key(|write| write.key);
        let before = self.store().revision();
        let outcome = self.store().commit(self.batch(&writes)).await;
        if self.model.accepts(&writes) {
            let revision = outcome.unwrap();
            assert_eq!(revision, before.next());
            self.model.commit(&writes, revision.0);
        } else {
            match outcome.unwrap_err() {
                CommitError::Precondition { .. } | CommitError::Absent { .. } => {}
                other => panic!("{other}"),
            }
            assert_eq!(self.store().revision(), before);
        }
    }

    fn batch(&self, writes: &[Write]) -> Batch {
        writes.iter().fold(Batch::default(), |batch, write| {
            let name = KEYS[write.key];
            let at = self.model.table.get(name).map_or(0, |standing| standing.1);
            let batch = match write.guard {
                Guard::None => batch,
                Guard::Absent => batch.require(Precondition::Absent(key(name))),
                Guard::Present => batch.require(Precondition::Present(key(name))),
                Guard::At(off) => {
                    let revision = Revision(at + off);
                    batch.require(Precondition::AtRevision(key(name), revision))
                }
            };
            match write.size {
                Some(size) => {
                    let after = format!(">{}", "x".repeat(size));
                    batch.put(key(name), Value::stamped("<", after))
                }
                None => batch.delete(key(name)),
            }
        })
    }

    fn watch(&mut self, prefix: &'static str, after: u64) {
        match self.store().watch(prefix, Revision(after)) {
            Err(error) => {
                assert_eq!(error.oldest.0, self.model.oldest);
                assert!(after < self.model.oldest);
            }
            Ok(watch) => {
                assert!(after >= self.model.oldest);
                let lines = Vec::new();
                self.watches.push(Watched {
                    watch,
                    prefix,
                    after,
                    lines,
                });
            }
        }
    }

    async fn read(&mut self, at: u64) {
        for watched in &mut self.watches {
            drain(watched, &self.model).await;
            assert_eq!(
                watched.watch.revision(),
                self.store.as_ref().unwrap().revision()
            );
        }
        match self.store().snapshot_at(Revision(at)) {
            Err(_) => assert!(at < self.model.oldest),
            Ok(snapshot) => {
                assert!(at >= self.model.oldest);
                assert_eq!(listed(&snapshot), self.model.table_at(at));
            }
        }
    }

    async fn reopen(&mut self, clean: bool) {
        for watched in &mut self.watches {
            drain(watched, &self.model).await;
        }
        self.watches.clear();
        let store = self.store.take().unwrap();
        let before = store.revision();
        if clean {
            store.close().await;
        } else {
            drop(store);
        }
        let store = self.bed.open_below(&self.prefix, options()).await;
        match self.bed {
            Bed::Sled(_) if clean => assert_eq!(store.revision(), before),
            Bed::Sled(_) => assert!(store.revision() > before),
            // Its history begins anew with every start.
            Bed::Etcd(_) => {
                assert_eq!(store.revision(), before);
                self.model.oldest = before.0;
            }
        }
        self.store = Some(store);
    }

    fn verify(&self) {
        let report = self.store().check().unwrap();
        assert_eq!(report.oldest.0, self.model.oldest);
        assert_eq!(report.changes, self.model.held().count());
        assert_eq!(listed(&self.store().snapshot()), self.model.table);
    }
}

/// Reads a watch until it has seen all there is, and compares that with the model.
async fn drain(watched: &mut Watched, model: &Model) {
    let expected = model.after(watched.prefix, watched.after);
    while watched.lines.len() < expected.len() {
        let changes = watched.watch.next().await.unwrap();
        watched
            .lines
            .extend(changes.iter().map(|change| line(change)));
    }
    assert_eq!(watched.lines, expected);
}

fn listed(snapshot: &Snapshot) -> BTreeMap<&'static str, Standing> {
    let entries = snapshot.range("", None).map(|entry| {
        let name = KEYS.iter().find(|name| **name == entry.key.as_str());
        let value = String::from_utf8(entry.value.to_vec()).unwrap();
        (*name.unwrap(), (value, entry.revision.0, entry.created.0))
    });
    entries.collect()
}
