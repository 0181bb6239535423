//! What a data directory says when it is opened again.

use crate::common::{key, line, open, put};
use skiff_store::{
    Batch, FORMAT_VERSION, MAX_BATCH_BYTES, OpenError, Options, Revision, SledEngine, SledOptions,
    Store, Value,
};

fn refused(dir: &std::path::Path) -> OpenError {
    match SledEngine::open(dir, SledOptions::default()) {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

/// Opens what lies under the engine.
fn sled(dir: &std::path::Path) -> sled::Db {
    // sled's threads may need a moment to let go of the file.
    if let Ok(pages) = std::fs::File::open(dir.join("db")) {
        pages.lock().unwrap();
    }
    let config = sled::Config::new().path(dir);
    config.segment_size(2 << 20).open().unwrap()
}

#[tokio::test]
async fn a_clean_close_keeps_revisions_values_and_history() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default());
    let large = "x".repeat(300_000);
    store.commit(put("/a", "1")).await.unwrap();
    store.commit(put("/a", &large)).await.unwrap();
    let stamped = Value::stamped("<", ">");
    store
        .commit(Batch::create(key("/b"), stamped))
        .await
        .unwrap();
    store
        .commit(Batch::default().delete(key("/b")))
        .await
        .unwrap();
    store.close().await;

    let store = open(dir.path(), Options::default());
    assert_eq!(store.revision(), Revision(5));
    let entry = store.snapshot().get("/a").unwrap().clone();
    assert_eq!(entry.value, large);
    assert_eq!((entry.revision, entry.created), (Revision(3), Revision(2)));
    let mut watch = store.watch("/", Revision(3)).unwrap();
    let replayed = watch.next().await.unwrap();
    let replayed: Vec<_> = replayed.iter().map(|change| line(change)).collect();
    assert_eq!(replayed, ["put /b=<4>@4", "delete /b@5 was 4"]);
    assert_eq!(store.commit(put("/a", "2")).await.unwrap(), Revision(6));
    store.check().unwrap();
}

#[tokio::test]
async fn the_largest_values_are_in_the_file_that_is_synced() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default());
    let large = "x".repeat(MAX_BATCH_BYTES - 2);
    for _ in 0..3 {
        store.commit(put("/a", &large)).await.unwrap();
        store.commit(put("/b", "small")).await.unwrap();
    }
    store.close().await;
    let apart = std::fs::read_dir(dir.path().join("blobs")).unwrap();
    assert_eq!(apart.count(), 0);
    let store = open(dir.path(), Options::default());
    assert_eq!(store.snapshot().get("/a").unwrap().value, large);
    store.check().unwrap();
}

#[tokio::test]
async fn an_unclean_stop_loses_nothing_and_skips_revisions() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default());
    let last = store.commit(put("/a", "1")).await.unwrap();
    drop(store);
    let store = open(dir.path(), Options::default());
    let skipped = store.revision();
    assert!(skipped.0 >= last.0 + 1000, "{skipped} after {last}");
    assert_eq!(store.snapshot().get("/a").unwrap().revision, last);
    // What a client listed at the skipped revision stays true, even if nothing was committed there.
    drop(store);
    let store = open(dir.path(), Options::default());
    assert!(store.revision() > skipped);
    let then = store.snapshot_at(skipped).unwrap();
    assert_eq!(then.get("/a").unwrap().revision, last);
    let next = store.commit(put("/a", "2")).await.unwrap();
    assert_eq!(next, store.snapshot().get("/a").unwrap().revision);
    store.check().unwrap();
}

#[tokio::test]
async fn a_forgotten_deletion_still_counts_its_revision() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path(), Options::default());
    store.commit(put("/a", "1")).await.unwrap();
    let deletion = Batch::default().delete(key("/a"));
    let deleted = store.commit(deletion).await.unwrap();
    store.compact(deleted).await.unwrap();
    drop(store);
    let store = open(dir.path(), Options::default());
    assert!(store.revision() > deleted);
    assert!(store.snapshot().is_empty());
    store.check().unwrap();
}

#[test]
fn a_directory_opens_once_at_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let first = open(dir.path(), Options::default());
    assert!(matches!(refused(dir.path()), OpenError::InUse { .. }));
    drop(first);
    open(dir.path(), Options::default());
}

#[test]
fn data_of_another_version_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), Options::default()));
    let db = sled(dir.path());
    db.insert("format", "999").unwrap();
    drop(db);
    let message = refused(dir.path()).to_string();
    assert!(message.contains("version 999"), "{message}");
    let ours = format!("version {FORMAT_VERSION}");
    assert!(message.contains(&ours), "{message}");
    assert_eq!(sled(dir.path()).get("format").unwrap().unwrap(), "999");
}

#[test]
fn data_of_something_else_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let db = sled(dir.path());
    db.insert("theirs", "1").unwrap();
    drop(db);
    assert!(matches!(refused(dir.path()), OpenError::Foreign { .. }));
}

#[test]
fn a_damaged_log_does_not_open() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path(), Options::default()));
    let db = sled(dir.path());
    // A deletion, at revision 2, of a key that was never written.
    db.insert(b"r\0\0\0\0\0\0\0\x02/a\0\0\0", &[1]).unwrap();
    drop(db);
    let engine = SledEngine::open(dir.path(), SledOptions::default()).unwrap();
    let opened = Store::open(Box::new(engine), Options::default()).map(|_| ());
    assert!(
        matches!(opened, Err(OpenError::Damaged { .. })),
        "{opened:?}"
    );
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = refused(&file.join("data"));
    assert!(error.to_string().contains("file/data"), "{error}");
}
