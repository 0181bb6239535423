//! Several stores on one etcd, and an etcd that fails.

use std::time::Duration;

use skiff_store::{
    Batch, CommitError, EtcdEngine, EtcdOptions, OpenError, Options, ReadError, Revision, Store,
    Value, Watch,
};
use tokio::time::{Instant, sleep, timeout};

use crate::{
    common::{key, line, put},
    members::Members,
};

/// Bounds what must happen some time.
const SOON: Duration = Duration::from_secs(60);

async fn open(options: EtcdOptions) -> Store {
    let engine = EtcdEngine::open(options).await.unwrap();
    Store::open(Box::new(engine), Options::default()).unwrap()
}

async fn refused(options: EtcdOptions) -> OpenError {
    match EtcdEngine::open(options).await {
        Ok(_) => panic!("it opened"),
        Err(error) => error,
    }
}

/// Reads a watch until it has told of a revision.
async fn read(watch: &mut Watch, up_to: Revision) -> Vec<String> {
    let mut lines = Vec::new();
    let reading = async {
        loop {
            let changes = watch.next().await.unwrap();
            lines.extend(changes.iter().map(|change| line(change)));
            if changes.last().unwrap().revision() >= up_to {
                return;
            }
        }
    };
    timeout(SOON, reading).await.unwrap();
    lines
}

/// Commits until it succeeds; `Err` has what it failed with before.
async fn at_last(store: &Store, batch: Batch) -> Revision {
    let began = Instant::now();
    loop {
        match store.commit(batch.clone()).await {
            Ok(revision) => return revision,
            Err(CommitError::Unavailable | CommitError::Unknown) => {
                assert!(began.elapsed() < SOON, "etcd does not come back");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_stores_see_each_others_commits_in_one_order() {
    let members = Members::start(1);
    let one = open(members.options()).await;
    let two = open(members.options()).await;
    let mut watches = [&one, &two].map(|store| store.watch("/", Revision::FIRST).unwrap());
    let writers = [(one.clone(), "/one"), (two.clone(), "/two")].map(|(store, name)| {
        tokio::spawn(async move {
            for number in 0..20 {
                store.commit(put(name, &number.to_string())).await.unwrap();
            }
            let gone = Batch::default().delete(key(name));
            store.commit(gone).await.unwrap()
        })
    });
    let [first, second] = writers;
    let last = first.await.unwrap().max(second.await.unwrap());
    assert_eq!(last, Revision(1 + 2 * 21));
    let seen = read(&mut watches[0], last).await;
    assert_eq!(seen.len(), 2 * 21);
    assert_eq!(seen, read(&mut watches[1], last).await);
    for store in [&one, &two] {
        assert_eq!(store.revision(), last);
        assert_eq!(store.check().unwrap().changes, 2 * 21);
    }
    // Who comes later sees what is there, and has no history.
    let made = one.commit(put("/three", "3")).await.unwrap();
    let three = open(members.options()).await;
    assert_eq!((three.revision(), three.oldest()), (made, made));
    assert_eq!(three.snapshot().get("/three").unwrap().value, "3");
    three.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_store_has_committed_the_other_reads_at_once() {
    let members = Members::start(1);
    let stores = [open(members.options()).await, open(members.options()).await];
    for round in 0..200 {
        let (writer, reader) = (&stores[round % 2], &stores[(round + 1) % 2]);
        let written = writer.commit(put("/a", &round.to_string())).await.unwrap();
        let reads = (0..3).map(|_| reader.current());
        for read in futures::future::try_join_all(reads).await.unwrap() {
            assert!(read.revision() >= written, "round {round}");
            assert_eq!(read.get("/a").unwrap().value, round.to_string());
        }
    }
    let gone = stores[0].commit(Batch::default().delete(key("/a"))).await;
    gone.unwrap();
    assert_eq!(stores[1].current().await.unwrap().get("/a"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_stores_that_race_one_wins_and_the_other_sees_by_whom() {
    let members = Members::start(1);
    let stores = [open(members.options()).await, open(members.options()).await];
    for round in 0..20 {
        let name = format!("/race/{round}");
        let create = || Batch::create(key(&name), Value::stamped("<", ">"));
        let (one, two) = tokio::join!(stores[0].commit(create()), stores[1].commit(create()));
        let (won, lost, loser) = match (one, two) {
            (Ok(won), Err(lost)) => (won, lost, &stores[1]),
            (Err(lost), Ok(won)) => (won, lost, &stores[0]),
            both => panic!("{both:?}"),
        };
        let CommitError::Precondition { index: 0, current } = lost else {
            panic!("{lost}");
        };
        let current = current.unwrap();
        assert_eq!((current.revision, current.created), (won, won));
        assert_eq!(current.value, format!("<{won}>"));
        // It need not read again and again until it sees what stood in its way.
        assert_eq!(loser.snapshot().get(&name), Some(&current));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn clusters_of_different_prefixes_do_not_meet() {
    let members = Members::start(1);
    let below = |prefix: &str| EtcdOptions {
        prefix: prefix.into(),
        ..members.options()
    };
    let (one, two) = (open(below("/a")).await, open(below("/a2/")).await);
    one.commit(put("/key", "1")).await.unwrap();
    // What others do under their prefix is not waited for.
    assert!(two.current().await.unwrap().is_empty());
    two.commit(put("/key", "2")).await.unwrap();
    let again = open(below("/a")).await;
    assert_eq!(again.snapshot().len(), 1);
    assert_eq!(again.snapshot().get("/key").unwrap().value, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_ours_is_named() {
    let members = Members::start(1);
    drop(open(members.options()).await);
    let mut stranger = members.client().await;
    stranger
        .put("/skiff/registry/stray", "{}", None)
        .await
        .unwrap();
    let error = refused(members.options()).await;
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert!(cause.contains("/skiff/registry/stray"), "{cause}");
    let elsewhere = EtcdOptions {
        prefix: "/elsewhere".into(),
        ..members.options()
    };
    drop(open(elsewhere).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_etcd_does_not_take_is_refused() {
    let members = Members::start(1);
    let store = open(members.options()).await;
    let large = put("/large", &"x".repeat(1 << 20));
    store.commit(large).await.unwrap();
    let larger = put("/large", &"x".repeat(1536 << 10));
    let refused = store.commit(larger).await;
    assert!(
        matches!(refused, Err(CommitError::TooLarge { .. })),
        "{refused:?}"
    );
    // As many operations and preconditions as a batch may have.
    let most = (0..64).fold(Batch::default(), |batch, number| {
        let name = key(&format!("/most/{number}"));
        batch
            .require(skiff_store::Precondition::Absent(name.clone()))
            .put(name, Value::plain("v"))
    });
    let all = store.commit(most).await.unwrap();
    let gone = (0..64).fold(Batch::default(), |batch, number| {
        let name = key(&format!("/most/{number}"));
        batch
            .require(skiff_store::Precondition::AtRevision(name.clone(), all))
            .delete(name)
    });
    store.commit(gone).await.unwrap();
    assert_eq!(store.snapshot().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_go_on_when_one_of_three_members_is_lost() {
    let mut members = Members::start(3);
    let leader = members.leader().await;
    let mut options = members.options();
    // The one that is lost is the one that is preferred, and the leader.
    options.endpoints.swap(0, leader);
    let store = open(options).await;
    let mut watch = store.watch("/", Revision::FIRST).unwrap();
    let mut written = Vec::new();
    for number in 0..30 {
        if number == 10 {
            members.kill(leader);
        }
        if number == 20 {
            members.start_again(leader);
        }
        let name = format!("/key/{number}");
        let revision = at_last(&store, put(&name, "v")).await;
        written.push((revision, name));
    }
    let last = written.last().unwrap().0;
    let seen = read(&mut watch, last).await;
    for (revision, name) in &written {
        let told = format!("put {name}=v@{revision}");
        // One whose outcome was not known may have been written twice.
        let lines = seen.iter().filter(|line| line.starts_with(&told));
        assert_eq!(lines.count(), 1, "{told} in {seen:?}");
    }
    assert_eq!(store.snapshot().len(), 30);
    store.check().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_hangs_is_left() {
    let members = Members::start(3);
    let follower = (members.leader().await + 1) % 3;
    // Less than it takes until a connection counts as dead.
    let mut options = EtcdOptions {
        timeout: Duration::from_secs(10),
        ..members.options()
    };
    options.endpoints.swap(0, follower);
    let store = open(options).await;
    let before = at_last(&store, put("/a", "0")).await;
    let mut watch = store.watch("/", before).unwrap();
    members.pause(follower);
    let update = Batch::update(key("/a"), Value::plain("1"), before);
    let after = store.commit(update).await.unwrap();
    let expected = [format!("put /a=1@{after} was {before}")];
    assert_eq!(read(&mut watch, after).await, expected);
    members.go_on(follower);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_etcd_commits_fail_and_with_it_nothing_is_lost() {
    let mut members = Members::start(1);
    let quick = EtcdOptions {
        timeout: Duration::from_secs(2),
        ..members.options()
    };
    let other = open(members.options()).await;
    let store = open(members.options()).await;
    let hasty = open(quick.clone()).await;
    let before = store.commit(put("/a", "1")).await.unwrap();
    let mut watch = other.watch("/", before).unwrap();
    members.kill(0);
    let failed = hasty.commit(put("/b", "1")).await;
    assert!(
        matches!(failed, Err(CommitError::Unavailable | CommitError::Unknown)),
        "{failed:?}"
    );
    // By now it knows, and sends nothing that might be lost.
    let failed = hasty.commit(put("/b", "2")).await;
    assert!(
        matches!(failed, Err(CommitError::Unavailable)),
        "{failed:?}"
    );
    let unknown = hasty.current().await;
    assert!(
        matches!(unknown, Err(ReadError::Engine { .. })),
        "{unknown:?}"
    );
    assert_eq!(store.snapshot().get("/a").unwrap().value, "1");
    assert!(matches!(refused(quick).await, OpenError::Engine { .. }));
    // One that is begun meanwhile waits.
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { at_last(&store, put("/a", "2")).await }
    });
    sleep(Duration::from_millis(300)).await;
    members.start_again(0);
    let after = waiting.await.unwrap();
    let last = at_last(&hasty, put("/c", "1")).await;
    let seen = read(&mut watch, last).await;
    assert_eq!(seen[0], format!("put /a=2@{after} was {before}"));
    // On a busy machine the hasty one may have written more than once.
    let others = |line: &&String| !line.starts_with("put /c=1@");
    assert_eq!(seen[1..].iter().find(others), None);
    assert!(store.current().await.unwrap().revision() >= last);
    for store in [store, hasty] {
        store.check().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_sent_again_and_written_once() {
    let members = Members::start(1);
    let store = open(members.options()).await;
    let before = store.commit(put("/a", "first")).await.unwrap();
    let mut watch = store.watch("/", before).unwrap();
    members.pause(0);
    let update = Batch::update(key("/a"), Value::stamped("<", "unique>"), before);
    let writing = tokio::spawn({
        let store = store.clone();
        async move { store.commit(update).await }
    });
    // Longer than an attempt may take: it is in etcd's socket still.
    sleep(Duration::from_secs(4)).await;
    assert!(!writing.is_finished());
    members.go_on(0);
    let written = writing.await.unwrap().unwrap();
    let next = store.commit(put("/b", "1")).await.unwrap();
    let expected = [
        format!("put /a=<{written}unique>@{written} was {before}"),
        format!("put /b=1@{next}"),
    ];
    assert_eq!(read(&mut watch, next).await, expected);
    assert_eq!((written, next), (Revision(3), Revision(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_have_been_made_is_not_made_again() {
    let members = Members::start(1);
    let quick = EtcdOptions {
        timeout: Duration::from_secs(4),
        ..members.options()
    };
    let (store, other) = (open(quick).await, open(members.options()).await);
    let create = Batch::create(key("/a"), Value::plain("1"));
    let mut watch = other.watch("/", other.revision()).unwrap();
    members.pause(0);
    let unknown = store.commit(create).await;
    assert!(matches!(unknown, Err(CommitError::Unknown)), "{unknown:?}");
    members.go_on(0);
    let last = at_last(&store, put("/b", "1")).await;
    let lines = read(&mut watch, last).await;
    let made = lines.iter().filter(|line| line.starts_with("put /a"));
    assert!(made.count() <= 1, "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_option_is_named() {
    let error = refused(EtcdOptions::default()).await.to_string();
    assert!(error.contains("`endpoints`"), "{error}");
    let options = EtcdOptions {
        endpoints: vec!["http://not a host".into()],
        ..EtcdOptions::default()
    };
    let error = refused(options).await.to_string();
    assert!(error.contains("`endpoints`"), "{error}");
}
