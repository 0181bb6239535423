//! Random histories against a model that is too simple to be wrong: a map, and a list of what happened.

use std::collections::BTreeMap;

use crate::common::{key, line, open};
use proptest::prelude::*;
use skiff_store::{
    Batch, CommitError, History, Options, Precondition, Revision, Store, Value, Watch,
};

const KEYS: [&str; 6] = ["/a/1", "/a/1/x", "/a/2", "/b/1", "/b/2", "/c"];
const PREFIXES: [&str; 4] = ["/", "/a/", "/a/1", "/b/"];
/// Small, so that histories run over it.
const HISTORY: usize = 12;

#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<Write>),
    Compact {
        back: u64,
    },
    Watch {
        prefix: usize,
        back: u64,
    },
    /// Reads what the watches have, and compares an old snapshot.
    Read {
        back: u64,
    },
    Reopen {
        clean: bool,
    },
}

#[derive(Clone, Debug)]
struct Write {
    key: usize,
    /// The value's size; `None` deletes.
    size: Option<usize>,
    guard: Guard,
}

#[derive(Clone, Copy, Debug)]
enum Guard {
    None,
    Absent,
    Present,
    /// At the key's revision, plus this.
    At(u64),
}

fn write() -> impl Strategy<Value = Write> {
    let size = prop_oneof![
        4 => (0usize..40).prop_map(Some),
        1 => (10_000usize..200_000).prop_map(Some),
        2 => Just(None),
    ];
    let guard = prop_oneof![
        3 => Just(Guard::None),
        1 => Just(Guard::Absent),
        1 => Just(Guard::Present),
        2 => (0u64..2).prop_map(Guard::At),
    ];
    (0..KEYS.len(), size, guard).prop_map(|(key, size, guard)| Write { key, size, guard })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::collection::vec(write(), 1..4).prop_map(Step::Commit),
        1 => (0u64..10).prop_map(|back| Step::Compact { back }),
        3 => (0..PREFIXES.len(), 0u64..15).prop_map(|(prefix, back)| Step::Watch { prefix, back }),
        3 => (0u64..15).prop_map(|back| Step::Read { back }),
        1 => any::<bool>().prop_map(|clean| Step::Reopen { clean }),
    ]
}

/// What stands under a key: value, revision, created.
type Standing = (String, u64, u64);

#[derive(Default)]
struct Model {
    table: BTreeMap<&'static str, Standing>,
    /// Every change there ever was: its revision, its key, and its line.
    log: Vec<(u64, &'static str, String)>,
    /// The table after each revision.
    tables: BTreeMap<u64, BTreeMap<&'static str, Standing>>,
    oldest: u64,
}

impl Model {
    fn holds(&self, write: &Write) -> bool {
        let standing = self.table.get(KEYS[write.key]);
        match write.guard {
            Guard::None => true,
            Guard::Absent => standing.is_none(),
            Guard::Present => standing.is_some(),
            Guard::At(off) => off == 0 && standing.is_some(),
        }
    }

    fn accepts(&self, writes: &[Write]) -> bool {
        writes.iter().all(|write| {
            let there = self.table.contains_key(KEYS[write.key]);
            self.holds(write) && (there || write.size.is_some())
        })
    }

    fn commit(&mut self, writes: &[Write], revision: u64) {
        let mut writes = writes.to_vec();
        writes.sort_by_key(|write| KEYS[write.key]);
        for write in writes {
            let key = KEYS[write.key];
            let was = self.table.get(key).cloned();
            let was_line = was
                .as_ref()
                .map_or(String::new(), |w| format!(" was {}", w.1));
            let line = match write.size {
                Some(size) => {
                    let value = format!("<{revision}>{}", "x".repeat(size));
                    let created = was.map_or(revision, |was| was.2);
                    let line = format!("put {key}={value}@{revision}{was_line}");
                    self.table.insert(key, (value, revision, created));
                    line
                }
                None => {
                    self.table.remove(key);
                    format!("delete {key}@{revision}{was_line}")
                }
            };
            self.log.push((revision, key, line));
        }
        self.tables.insert(revision, self.table.clone());
        while self.held().count() > HISTORY {
            let first = self.held().map(|change| change.0).next();
            self.oldest = first.unwrap();
        }
    }

    fn held(&self) -> impl Iterator<Item = &(u64, &'static str, String)> {
        let oldest = self.oldest;
        self.log.iter().filter(move |change| change.0 > oldest)
    }

    fn after(&self, prefix: &str, after: u64) -> Vec<String> {
        let wanted =
            |change: &&(u64, &str, String)| change.0 > after && change.1.starts_with(prefix);
        self.log
            .iter()
            .filter(wanted)
            .map(|c| c.2.clone())
            .collect()
    }

    fn table_at(&self, revision: u64) -> BTreeMap<&'static str, Standing> {
        let newest = self.tables.range(..=revision).next_back();
        newest.map(|(_, table)| table.clone()).unwrap_or_default()
    }
}

struct Watched {
    watch: Watch,
    prefix: &'static str,
    after: u64,
    lines: Vec<String>,
}

struct World {
    dir: tempfile::TempDir,
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

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Some(open(dir.path(), options()));
        let oldest = 1;
        let model = Model {
            oldest,
            ..Model::default()
        };
        let watches = Vec::new();
        Self {
            dir,
            store,
            watches,
            model,
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    async fn step(&mut self, step: &Step) {
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
        let store = open(self.dir.path(), options());
        if clean {
            assert_eq!(store.revision(), before);
        } else {
            assert!(store.revision() > before);
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

fn listed(snapshot: &skiff_store::Snapshot) -> BTreeMap<&'static str, Standing> {
    let entries = snapshot.range("", None).map(|entry| {
        let name = KEYS.iter().find(|name| **name == entry.key.as_str());
        let value = String::from_utf8(entry.value.to_vec()).unwrap();
        (*name.unwrap(), (value, entry.revision.0, entry.created.0))
    });
    entries.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_does(steps in prop::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in &steps {
                world.step(step).await;
            }
        });
    }
}
