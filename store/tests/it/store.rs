//! What users of a store see: commits, snapshots, watches, history.

use std::sync::Arc;

use crate::{
    bed::{Bed, on_either_engine},
    common::{key, line, put},
};
use skiff_store::{
    Batch, Change, CommitError, Compacted, History, Options, Precondition, Revision, Snapshot,
    Value, Watch, WatchEnd,
};

on_either_engine! {
    a_commit_is_seen_by_its_writer_with_its_revision_inside
    a_refused_batch_changes_nothing_and_tells_what_is_there
    of_many_writers_of_one_key_one_wins_each_round
    a_watch_replays_then_follows_without_gap_or_repeat
    a_watch_may_start_in_the_future
    a_watch_knows_how_far_it_is
    a_slow_watch_is_cut_and_others_are_not
    a_thousand_watches_share_every_change
    old_snapshots_are_true_as_long_as_the_history_is_held
    compaction_forgets_up_to_a_revision_and_no_further
    a_closed_store_says_so
}

/// Reads a watch until it has given this many changes.
async fn read(watch: &mut Watch, count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    while lines.len() < count {
        let changes = watch.next().await.unwrap();
        lines.extend(changes.iter().map(|change| line(change)));
    }
    lines
}

async fn a_commit_is_seen_by_its_writer_with_its_revision_inside(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    assert_eq!(store.revision(), Revision::FIRST);
    let value = Value::stamped("{\"rv\":\"", "\"}");
    let revision = store.commit(Batch::create(key("/a"), value)).await.unwrap();
    assert_eq!(revision, Revision(2));
    let snapshot = store.snapshot();
    assert_eq!(snapshot.revision(), revision);
    let entry = snapshot.get("/a").unwrap();
    assert_eq!(entry.value, "{\"rv\":\"2\"}");
    assert_eq!((entry.revision, entry.created), (revision, revision));
}

async fn a_refused_batch_changes_nothing_and_tells_what_is_there(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    let made = store.commit(put("/a", "1")).await.unwrap();
    let batch = put("/b", "1")
        .require(Precondition::Present(key("/a")))
        .require(Precondition::AtRevision(key("/a"), Revision(99)));
    match store.commit(batch).await {
        Err(CommitError::Precondition { index, current }) => {
            assert_eq!((index, current.unwrap().revision), (1, made));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(store.revision(), made);
    assert!(store.snapshot().get("/b").is_none());
}

async fn of_many_writers_of_one_key_one_wins_each_round(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        writers.spawn(async move {
            let mut won = 0;
            while won < 10 {
                let last = store.snapshot().get("/n").map(|entry| entry.revision);
                let batch = match last {
                    None => Batch::create(key("/n"), Value::plain("n")),
                    Some(last) => Batch::update(key("/n"), Value::plain("n"), last),
                };
                match store.commit(batch).await {
                    Ok(_) => won += 1,
                    Err(CommitError::Precondition { .. }) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        });
    }
    writers.join_all().await;
    assert_eq!(store.revision(), Revision(1 + 8 * 10));
    assert_eq!(store.check().unwrap().changes, 8 * 10);
}

async fn a_watch_replays_then_follows_without_gap_or_repeat(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    store.commit(put("/a/1", "v")).await.unwrap();
    let after = store.commit(put("/a/2", "v")).await.unwrap();
    store.commit(put("/b/1", "v")).await.unwrap();
    store.commit(put("/a/1", "w")).await.unwrap();
    let mut watch = store.watch("/a/", after).unwrap();
    let both = put("/a/3", "v").delete(key("/a/1"));
    store.commit(both).await.unwrap();
    assert_eq!(
        read(&mut watch, 3).await,
        ["put /a/1=w@5 was 2", "delete /a/1@6 was 5", "put /a/3=v@6"]
    );
}

async fn a_watch_may_start_in_the_future(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    let mut watch = store.watch("/", Revision(3)).unwrap();
    for value in ["2", "3", "4"] {
        store.commit(put("/a", value)).await.unwrap();
    }
    assert_eq!(read(&mut watch, 1).await, ["put /a=4@4 was 3"]);
}

async fn a_watch_knows_how_far_it_is(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    let mut watch = store.watch("/a/", store.revision()).unwrap();
    let elsewhere = store.commit(put("/b", "v")).await.unwrap();
    assert_eq!(watch.revision(), elsewhere);
    let here = store.commit(put("/a/1", "v")).await.unwrap();
    let later = store.commit(put("/b", "w")).await.unwrap();
    assert_eq!(watch.revision(), Revision::FIRST, "a change is unread");
    assert_eq!(watch.next().await.unwrap().len(), 1);
    assert!(here < later);
    assert_eq!(watch.revision(), later);
}

async fn a_slow_watch_is_cut_and_others_are_not(bed: &Bed) {
    let options = Options {
        watch_backlog_bytes: 4096,
        ..Options::default()
    };
    let store = bed.open(options).await;
    let mut slow = store.watch("/a/", Revision::FIRST).unwrap();
    let mut quick = store.watch("/a/", Revision::FIRST).unwrap();
    for _ in 0..10 {
        store.commit(put("/a/1", &"x".repeat(600))).await.unwrap();
        assert_eq!(quick.next().await.unwrap().len(), 1);
    }
    let queued = slow.next().await.unwrap();
    let last = queued.last().unwrap().revision();
    assert!(queued.len() < 10, "all {} were queued", queued.len());
    assert_eq!(slow.revision(), last, "no bookmark past what was cut");
    assert_eq!(slow.next().await, Err(WatchEnd::Lagged));
    let mut again = store.watch("/a/", last).unwrap();
    assert_eq!(again.next().await.unwrap().len(), 10 - queued.len());
}

async fn a_thousand_watches_share_every_change(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    let watches: Vec<_> = (0..1000)
        .map(|_| store.watch("/a/", Revision::FIRST).unwrap())
        .collect();
    for value in ["1", "2", "3"] {
        store.commit(put("/a/1", value)).await.unwrap();
    }
    let mut first: Option<Vec<Arc<Change>>> = None;
    for mut watch in watches {
        let changes = watch.next().await.unwrap();
        assert_eq!(changes.len(), 3);
        let first = first.get_or_insert_with(|| changes.clone());
        let shared = first.iter().zip(&changes);
        assert!(shared.into_iter().all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}

async fn old_snapshots_are_true_as_long_as_the_history_is_held(bed: &Bed) {
    let history = History {
        changes: 4,
        ..History::default()
    };
    let options = Options {
        history,
        ..Options::default()
    };
    let store = bed.open(options).await;
    store.commit(put("/a", "1")).await.unwrap();
    store.commit(put("/b", "1")).await.unwrap();
    store.commit(put("/a", "2")).await.unwrap();
    let held = store.snapshot();
    let batch = Batch::default().delete(key("/b"));
    store.commit(batch).await.unwrap();
    store.commit(put("/b", "3")).await.unwrap();
    let listed = |snapshot: &Snapshot| -> Vec<String> {
        let entries = snapshot.range("/", None);
        entries
            .map(|e| format!("{}={}@{}", e.key, e.value.escape_ascii(), e.created))
            .collect()
    };
    let then = store.snapshot_at(Revision(4)).unwrap();
    assert_eq!(listed(&then), ["/a=2@2", "/b=1@3"]);
    assert_eq!(listed(&then), listed(&held));
    assert_eq!(listed(&store.snapshot()), ["/a=2@2", "/b=3@6"]);
    assert_eq!(store.oldest(), Revision(2));
    let expired = |requested| Compacted {
        requested,
        oldest: Revision(2),
        current: Revision(6),
    };
    for requested in [Revision(1), Revision(7)] {
        let error = store.snapshot_at(requested).unwrap_err();
        assert_eq!(error, expired(requested));
    }
    let watch = store.watch("/", Revision(1)).map(|_| ());
    assert_eq!(watch.unwrap_err(), expired(Revision(1)));
}

async fn compaction_forgets_up_to_a_revision_and_no_further(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    for value in ["1", "2", "3", "4"] {
        store.commit(put("/a", value)).await.unwrap();
    }
    store.compact(Revision(3)).await.unwrap();
    store.check().unwrap();
    let mut watch = store.watch("/", Revision(3)).unwrap();
    let expected = ["put /a=3@4 was 3", "put /a=4@5 was 4"];
    assert_eq!(read(&mut watch, 2).await, expected);
    store.compact(Revision(99)).await.unwrap();
    assert_eq!(store.oldest(), Revision(5));
    store.close().await;
    let store = bed.open(Options::default()).await;
    assert_eq!(store.oldest(), Revision(5));
    assert_eq!(store.snapshot().get("/a").unwrap().value, "4");
    assert_eq!(store.check().unwrap().changes, 0);
}

async fn a_closed_store_says_so(bed: &Bed) {
    let store = bed.open(Options::default()).await;
    let mut watch = store.watch("/", Revision::FIRST).unwrap();
    store.commit(put("/a", "1")).await.unwrap();
    store.clone().close().await;
    let refused = store.commit(put("/a", "2")).await;
    assert!(matches!(refused, Err(CommitError::Closed)));
    assert_eq!(read(&mut watch, 1).await, ["put /a=1@2"]);
    assert_eq!(watch.next().await, Err(WatchEnd::Closed));
    assert_eq!(store.snapshot().get("/a").unwrap().value, "1");
}
