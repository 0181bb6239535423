//! Writers, a compactor, slow readers and pagers at the same time, on threads of their own; what each of them saw is
//! compared with the model when all is over.

use std::collections::BTreeMap;

use proptest::prelude::*;
use skiff_store::{
    Batch, CommitError, History, Options, Precondition, Revision, Store, Value, WatchEnd,
};
use tokio::{sync::watch, task::JoinSet};

use super::{
    Guard, KEYS, PREFIXES, Write,
    model::{Model, Standing},
};
use crate::common::{key, line, open};

#[derive(Clone, Debug)]
struct Crowd {
    writers: Vec<Vec<Write>>,
    /// How long each waits before it goes on, and how much of the history each compaction leaves.
    compactions: Vec<(usize, u64)>,
    readers: Vec<(usize, Vec<usize>)>,
    pagers: Vec<Vec<usize>>,
    history: usize,
    backlog_bytes: usize,
}

fn crowd() -> impl Strategy<Value = Crowd> {
    let pauses = || prop::collection::vec(0..40_usize, 1..20);
    let write = super::write().prop_filter("a revision that nobody knows", |write| {
        !matches!(write.guard, Guard::At(_)) && write.size.is_none_or(|size| size < 1000)
    });
    let writes = prop::collection::vec(write, 5..40);
    (
        prop::collection::vec(writes, 1..5),
        prop::collection::vec((0..60_usize, 0..8_u64), 0..8),
        prop::collection::vec((0..PREFIXES.len(), pauses()), 1..5),
        prop::collection::vec(pauses(), 1..3),
        4..40_usize,
        prop_oneof![1..4000_usize, Just(usize::MAX)],
    )
        .prop_map(
            |(writers, compactions, readers, pagers, history, backlog_bytes)| Crowd {
                writers,
                compactions,
                readers,
                pagers,
                history,
                backlog_bytes,
            },
        )
}

async fn pause(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// Commits one write after the other, and returns those that were accepted.
async fn write(store: Store, writes: Vec<Write>) -> Vec<(u64, Write)> {
    let mut accepted = Vec::new();
    for write in writes {
        let name = KEYS[write.key];
        let batch = match write.guard {
            Guard::Absent => Batch::default().require(Precondition::Absent(key(name))),
            Guard::Present => Batch::default().require(Precondition::Present(key(name))),
            Guard::None | Guard::At(_) => Batch::default(),
        };
        let batch = match write.size {
            Some(size) => batch.put(
                key(name),
                Value::stamped("<", format!(">{}", "x".repeat(size))),
            ),
            None => batch.delete(key(name)),
        };
        match store.commit(batch).await {
            Ok(revision) => accepted.push((revision.0, write)),
            Err(CommitError::Precondition { .. } | CommitError::Absent { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    accepted
}

async fn compact(store: Store, compactions: Vec<(usize, u64)>) {
    for (turns, left) in compactions {
        pause(turns).await;
        let up_to = store.revision().0.saturating_sub(left);
        store.compact(Revision(up_to)).await.unwrap();
    }
}

/// What a reader saw without having been told of a gap.
struct Stretch {
    after: Revision,
    lines: Vec<String>,
    up_to: Revision,
}

/// Reads until it knows of the last revision; comes again when it is cut, and begins anew when it is told of a gap.
async fn read(
    store: Store,
    prefix: &'static str,
    pauses: Vec<usize>,
    mut last: watch::Receiver<Option<Revision>>,
) -> Vec<Stretch> {
    let mut pauses = pauses.into_iter().cycle();
    let mut stretches = Vec::new();
    let mut after = Revision::FIRST;
    loop {
        let mut watch = match store.watch(prefix, after) {
            Ok(watch) => watch,
            Err(gone) => {
                assert!(after < gone.oldest, "{after} is still held: {gone}");
                after = store.revision();
                continue;
            }
        };
        let mut lines = Vec::new();
        let is_last = loop {
            if last.borrow().is_some_and(|last| last <= watch.revision()) {
                break true;
            }
            tokio::select! {
                changes = watch.next() => match changes {
                    Ok(changes) => lines.extend(changes.iter().map(|change| line(change))),
                    Err(WatchEnd::Lagged) => break false,
                    Err(WatchEnd::Closed) => panic!("nobody closed the store"),
                },
                _ = last.changed() => {}
            }
            pause(pauses.next().unwrap_or_default()).await;
        };
        let up_to = watch.revision();
        stretches.push(Stretch {
            after,
            lines,
            up_to,
        });
        after = up_to;
        if is_last {
            return stretches;
        }
    }
}

/// A list that was read in pages: its revision and what they had together.
type Pages = (u64, BTreeMap<&'static str, Standing>);

/// Reads a list of two entries a page for each pause; those that were compacted away meanwhile are given up.
async fn page(store: Store, pauses: Vec<usize>) -> Vec<Pages> {
    let mut lists = Vec::new();
    for turns in pauses {
        let revision = store.revision();
        let mut table = BTreeMap::new();
        let mut after: Option<&str> = None;
        loop {
            let Ok(snapshot) = store.snapshot_at(revision) else {
                assert!(revision < store.oldest());
                break;
            };
            let page: Vec<_> = snapshot.range("", after).take(2).collect();
            for entry in &page {
                let name = KEYS
                    .iter()
                    .find(|name| **name == entry.key.as_str())
                    .unwrap();
                let value = String::from_utf8(entry.value.to_vec()).unwrap();
                table.insert(*name, (value, entry.revision.0, entry.created.0));
                after = Some(name);
            }
            if page.len() < 2 {
                lists.push((revision.0, table));
                break;
            }
            pause(turns).await;
        }
    }
    lists
}

async fn meet(crowd: Crowd) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        history: History {
            changes: crowd.history,
            bytes: usize::MAX,
        },
        watch_backlog_bytes: crowd.backlog_bytes,
    };
    let store = open(dir.path(), options);
    let (finish, last) = watch::channel(None);
    let (mut writers, mut readers, mut pagers) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for (prefix, pauses) in crowd.readers {
        let prefix = PREFIXES[prefix];
        let reading = read(store.clone(), prefix, pauses, last.clone());
        readers.spawn(async move { (prefix, reading.await) });
    }
    for pauses in crowd.pagers {
        pagers.spawn(page(store.clone(), pauses));
    }
    let compactor = tokio::spawn(compact(store.clone(), crowd.compactions));
    for writes in crowd.writers {
        writers.spawn(write(store.clone(), writes));
    }
    let mut accepted: Vec<(u64, Write)> = writers.join_all().await.concat();
    compactor.await.unwrap();
    finish.send_replace(Some(store.revision()));

    accepted.sort_by_key(|(revision, _)| *revision);
    let mut model = Model::new(Revision::FIRST.0);
    for (at, (revision, write)) in accepted.into_iter().enumerate() {
        assert_eq!(revision, at as u64 + 2, "a revision for each write");
        model.commit(&[write], revision);
    }
    for (prefix, stretches) in readers.join_all().await {
        for Stretch {
            after,
            lines,
            up_to,
        } in stretches
        {
            let mut expected = model.after(prefix, after.0);
            expected.truncate(expected.len() - model.after(prefix, up_to.0).len());
            assert_eq!(lines, expected, "{prefix} after {after} up to {up_to}");
        }
    }
    for (revision, table) in pagers.join_all().await.concat() {
        assert_eq!(table, model.table_at(revision));
    }
    store.check().unwrap();
}

proptest! {
    // Each takes as long as several of the others.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 8,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everybody_sees_one_history(crowd in crowd()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
        runtime.block_on(meet(crowd));
    }
}
