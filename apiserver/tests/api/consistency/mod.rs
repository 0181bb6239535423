//! Writers, compaction, slow watchers and readers of pages at the same time: each of them sees the one history.

mod history;

use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::Request;
use proptest::prelude::*;
use serde_json::{Value, json};
use skiff_store::{Options, Revision, Store};
use tokio::task::JoinSet;

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, within};
use history::{History, Seen, Told, seen};

/// What the watchers wait for when all else is over.
const LAST: &str = "zz-last";

/// What one writer does to an object: its number, and what becomes of its label and its data; to be deleted if nothing.
type Written = (usize, Option<(bool, usize)>);

#[derive(Clone, Debug)]
struct Crowd {
    writers: Vec<Vec<Written>>,
    /// How many turns are waited before each compaction, and how many revisions it leaves.
    compactions: Vec<(usize, u64)>,
    /// Whether only one label is watched, and how many turns are waited after each event.
    watchers: Vec<(bool, Vec<usize>)>,
    /// Whether only one label is listed, objects a page, and how many turns are waited before each page.
    pagers: Vec<(bool, usize, Vec<usize>)>,
    backlog_bytes: usize,
}

fn crowd() -> impl Strategy<Value = Crowd> {
    use prop::collection::vec;
    let written = (
        0..6_usize,
        prop::option::weighted(0.8, (any::<bool>(), 0..100_usize)),
    );
    let pauses = || vec(0..60_usize, 1..12);
    (
        vec(vec(written, 10..25), 2..4),
        vec((0..300_usize, 0..10_u64), 2..8),
        vec((any::<bool>(), pauses()), 2..5),
        vec((any::<bool>(), 1..4_usize, pauses()), 1..3),
        prop_oneof![1..6000_usize, Just(usize::MAX)],
    )
        .prop_map(
            |(writers, compactions, watchers, pagers, backlog_bytes)| Crowd {
                writers,
                compactions,
                watchers,
                pagers,
                backlog_bytes,
            },
        )
}

async fn pause(turns: usize) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

fn query(only_one_label: bool) -> (&'static str, Option<&'static str>) {
    if only_one_label {
        ("&labelSelector=tier%3Dx", Some("x"))
    } else {
        ("", None)
    }
}

/// Makes, changes and deletes objects; who comes too late for one is told so.
async fn write(http: Http, writes: Vec<Written>) {
    for (number, becomes) in writes {
        let path = format!("{CONFIG_MAPS}/c{number}");
        let Some((is_chosen, data)) = becomes else {
            let code = http.delete(&path, &json!({})).await.code;
            assert!([200, 404].contains(&code), "{code}");
            continue;
        };
        let tier = if is_chosen { "x" } else { "y" };
        let mut object = json!({
            "metadata": {"name": format!("c{number}"), "labels": {"tier": tier}},
            "data": {"x": data.to_string()},
        });
        if http.merge(&path, &object).await.code == 404 {
            // Somebody else may make it at the same time.
            object["data"]["x"] = json!("new");
            let code = http.post(CONFIG_MAPS, &object).await.code;
            assert!([201, 409].contains(&code), "{code}");
        }
    }
}

async fn compact(store: Store, history: History, compactions: Vec<(usize, u64)>) {
    for (turns, left) in compactions {
        pause(turns).await;
        let up_to = store.revision().0.saturating_sub(left);
        let up_to = history.known().min(Revision(up_to));
        store.compact(up_to).await.unwrap();
    }
}

/// A list: its revision and its objects.
type Listed = (u64, Vec<Seen>);

fn listed(list: &Value) -> Listed {
    let items = list["items"].as_array().unwrap().iter();
    (version(list), items.map(seen).collect())
}

fn version(object: &Value) -> u64 {
    let version = object["metadata"]["resourceVersion"].as_str();
    version.unwrap_or_default().parse().unwrap()
}

/// What a watcher was told without a gap between two revisions.
struct Stretch {
    after: u64,
    told: Vec<Told>,
    up_to: u64,
}

/// Why a watch is over.
#[derive(PartialEq)]
enum End {
    /// The last object came.
    Last,
    /// The watcher was too slow.
    Cut,
    /// The revision is compacted.
    Gone,
}

/// Lists and watches as informers do, until it hears of the last object: from the last revision when the watch ends, and
/// from a new list when that revision is gone.
async fn watch(
    http: Http,
    only_one_label: bool,
    pauses: Vec<usize>,
) -> (Vec<Listed>, Vec<Stretch>) {
    let (selector, _) = query(only_one_label);
    let mut pauses = pauses.into_iter().cycle();
    let (mut lists, mut stretches) = (Vec::new(), Vec::new());
    loop {
        let list = listed(&http.get(&format!("{CONFIG_MAPS}?{selector}")).await.ok());
        let mut after = list.0;
        let has_last = list.1.iter().any(|(name, ..)| name == LAST);
        lists.push(list);
        let mut end = if has_last { End::Last } else { End::Cut };
        while end == End::Cut {
            let stretch;
            (stretch, end) = follow(&http, after, selector, &mut pauses).await;
            after = stretch.up_to;
            stretches.push(stretch);
        }
        if end == End::Last {
            return (lists, stretches);
        }
    }
}

async fn follow(
    http: &Http,
    after: u64,
    selector: &str,
    pauses: &mut impl Iterator<Item = usize>,
) -> (Stretch, End) {
    let path = format!("{CONFIG_MAPS}?watch=true&resourceVersion={after}{selector}");
    let request = Request::get(path).body(Vec::new()).unwrap();
    let lines = within(http.0.request_stream(request)).await.unwrap();
    let mut lines = Box::pin(lines).lines();
    let (mut told, mut up_to) = (Vec::new(), after);
    let end = loop {
        let Some(line) = within(lines.next()).await else {
            break End::Cut;
        };
        let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
        let object = &event["object"];
        let kind = match event["type"].as_str() {
            Some("ADDED") => "ADDED",
            Some("MODIFIED") => "MODIFIED",
            Some("DELETED") => "DELETED",
            _ => {
                assert_eq!(
                    (&event["type"], &object["code"]),
                    (&json!("ERROR"), &json!(410))
                );
                break End::Gone;
            }
        };
        up_to = version(object);
        told.push((up_to, kind, seen(object)));
        if object["metadata"]["name"] == LAST {
            break End::Last;
        }
        pause(pauses.next().unwrap_or_default()).await;
    };
    (Stretch { after, told, up_to }, end)
}

/// Reads lists in pages; those that were compacted away meanwhile are given up.
async fn page(http: Http, only_one_label: bool, limit: usize, pauses: Vec<usize>) -> Vec<Listed> {
    let (selector, _) = query(only_one_label);
    let mut lists = Vec::new();
    for turns in pauses {
        lists.extend(pages(&http, limit, selector, turns).await);
    }
    lists
}

async fn pages(http: &Http, limit: usize, selector: &str, turns: usize) -> Option<Listed> {
    let mut token = String::new();
    let mut all: Option<Listed> = None;
    let mut expected_in_all = Vec::new();
    loop {
        let path = format!("{CONFIG_MAPS}?limit={limit}{selector}&continue={token}");
        let page = http.get(&path).await;
        if page.code == 410 {
            assert_eq!(page.refused().1, "Expired");
            return None;
        }
        let page = page.ok();
        let (revision, objects) = listed(&page);
        assert!(objects.len() <= limit);
        let (first, so_far) = all.get_or_insert((revision, Vec::new()));
        assert_eq!(*first, revision, "all pages are of one revision");
        so_far.extend(objects);
        let remaining = page["metadata"]["remainingItemCount"].as_u64();
        expected_in_all.extend(remaining.map(|left| so_far.len() + left as usize));
        match page["metadata"]["continue"].as_str() {
            Some(next) => token = next.to_owned(),
            None => break,
        }
        pause(turns).await;
    }
    let (_, objects) = all.as_ref()?;
    let right = |count: &usize| *count == objects.len();
    assert!(
        expected_in_all.iter().all(right),
        "{expected_in_all:?}: {objects:?}"
    );
    all
}

async fn meet(crowd: Crowd) {
    let cluster = Cluster::start_with(Options {
        watch_backlog_bytes: crowd.backlog_bytes,
        ..Options::default()
    })
    .await;
    let http = Http(cluster.admin());
    let history = History::default();
    let following = history.follow(&cluster.store, LAST);
    let (mut writers, mut watchers, mut pagers) = (JoinSet::new(), JoinSet::new(), JoinSet::new());
    for (only_one_label, pauses) in crowd.watchers {
        let watching = watch(http.clone(), only_one_label, pauses);
        watchers.spawn(async move { (only_one_label, watching.await) });
    }
    for (only_one_label, limit, pauses) in crowd.pagers {
        let paging = page(http.clone(), only_one_label, limit, pauses);
        pagers.spawn(async move { (only_one_label, paging.await) });
    }
    let compactor = tokio::spawn(compact(
        cluster.store.clone(),
        history.clone(),
        crowd.compactions,
    ));
    for writes in crowd.writers {
        writers.spawn(write(http.clone(), writes));
    }
    writers.join_all().await;
    compactor.await.unwrap();
    let last = json!({"metadata": {"name": LAST, "labels": {"tier": "x"}}});
    http.post(CONFIG_MAPS, &last).await.ok();
    let watched = within(watchers.join_all()).await;
    let paged = within(pagers.join_all()).await;
    within(following).await.unwrap();

    for (only_one_label, (lists, stretches)) in watched {
        let (_, tier) = query(only_one_label);
        assert_lists(&history, tier, &lists);
        for Stretch { after, told, up_to } in stretches {
            assert_eq!(
                told,
                history.between(after, up_to, tier),
                "after {after} up to {up_to}"
            );
        }
    }
    for (only_one_label, lists) in paged {
        assert_lists(&history, query(only_one_label).1, &lists);
    }
}

fn assert_lists(history: &History, tier: Option<&str>, lists: &[Listed]) {
    for (revision, objects) in lists {
        assert_eq!(*objects, history.table_at(*revision, tier), "at {revision}");
    }
}

proptest! {
    // Each has a cluster of its own.
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 64,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn everybody_sees_one_history(crowd in crowd()) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(3).build().unwrap();
        runtime.block_on(meet(crowd));
    }
}
