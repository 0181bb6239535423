//! What handlers, indexes and those who wait see of an informer.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use k8s_openapi::api::core::v1::Pod;

use super::*;

fn pod(name: &str, uid: &str, node: &str, revision: u64) -> Pod {
    let object = serde_json::json!({
        "metadata": { "namespace": "default", "name": name, "uid": uid, "resourceVersion": revision.to_string() },
        "spec": { "containers": [], "nodeName": node },
    });
    serde_json::from_value(object).expect("a Pod")
}

fn shown(pod: &Pod) -> String {
    format!(
        "{}@{}",
        pod.name_any(),
        pod.resource_version().unwrap_or_default()
    )
}

fn names(pods: Vec<Arc<Pod>>) -> Vec<String> {
    let mut names: Vec<String> = pods.iter().map(|pod| shown(pod)).collect();
    names.sort();
    names
}

/// Lists these Pods.
fn replace(informer: &Informer<Pod>, pods: Vec<Pod>) {
    let mut listed = Listed::default();
    for pod in pods {
        listed.push(pod);
    }
    informer.replace(listed);
}

/// What a handler that comes now is told, as text.
fn told(informer: &Informer<Pod>) -> Arc<Mutex<Vec<String>>> {
    let told = Arc::new(Mutex::new(Vec::new()));
    let telling = told.clone();
    informer.on_change(move |change| {
        telling.lock().push(match change {
            Change::Added(new) => format!("added {}", shown(new)),
            Change::Updated { old, new } => format!("updated {} {}", shown(old), shown(new)),
            Change::Deleted(old) => format!("deleted {}", shown(old)),
        });
    });
    told
}

fn is_done(waiting: impl Future<Output = ()>) -> bool {
    pin!(waiting).poll(&mut Context::from_waker(Waker::noop())) == Poll::Ready(())
}

#[test]
fn a_handler_is_told_what_there_is_and_then_each_change_in_order() {
    let informer = Informer::new();
    replace(&informer, vec![pod("a", "1", "n", 1)]);
    let told = told(&informer);
    informer.apply(pod("b", "2", "n", 2));
    informer.apply(pod("a", "1", "n", 3));
    informer.apply(pod("a", "1", "n", 3));
    informer.delete(pod("b", "2", "n", 4));
    informer.delete(pod("b", "2", "n", 4));
    assert_eq!(
        *told.lock(),
        ["added a@1", "added b@2", "updated a@1 a@3", "deleted b@2"]
    );
}

#[test]
fn a_new_list_tells_only_what_it_changes() {
    let informer = Informer::new();
    replace(
        &informer,
        vec![
            pod("same", "1", "n", 1),
            pod("old", "2", "n", 2),
            pod("gone", "3", "n", 3),
        ],
    );
    let told = told(&informer);
    told.lock().clear();
    replace(
        &informer,
        vec![
            pod("same", "1", "n", 1),
            pod("old", "2", "n", 5),
            pod("new", "4", "n", 6),
        ],
    );
    assert_eq!(
        *told.lock(),
        ["deleted gone@3", "updated old@2 old@5", "added new@6"]
    );
}

#[test]
fn an_object_made_anew_under_its_name_is_another_one() {
    let informer = Informer::new();
    replace(&informer, vec![pod("web-0", "1", "n", 1)]);
    let told = told(&informer);
    replace(&informer, vec![pod("web-0", "2", "", 9)]);
    assert_eq!(
        *told.lock(),
        ["added web-0@1", "deleted web-0@1", "added web-0@9"]
    );
}

#[test]
fn an_index_has_changed_before_a_handler_is_told() {
    let informer = Informer::new();
    replace(&informer, vec![pod("a", "1", "n1", 1)]);
    let by_node = informer.index(|pod: &Pod| {
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.clone());
        node.into_iter().collect()
    });
    assert_eq!(
        names(by_node.get("n1")),
        ["a@1"],
        "what was there is indexed"
    );
    let (seen, index) = (Arc::new(Mutex::new(Vec::new())), by_node.clone());
    let seeing = seen.clone();
    informer.on_change(move |_| {
        seeing
            .lock()
            .push((names(index.get("n1")), names(index.get("n2"))))
    });
    informer.apply(pod("b", "2", "n1", 2));
    informer.apply(pod("a", "1", "n2", 3));
    informer.delete(pod("a", "1", "n2", 4));
    let expected: [(&[&str], &[&str]); 4] = [
        (&["a@1"], &[]),
        (&["a@1", "b@2"], &[]),
        (&["b@2"], &["a@3"]),
        (&["b@2"], &[]),
    ];
    assert_eq!(*seen.lock(), expected.map(|(a, b)| (owned(a), owned(b))));
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn waiting_ends_when_the_cache_has_seen_the_write() {
    let informer = Informer::new();
    assert!(!informer.is_ready() && !is_done(informer.ready()));
    replace(&informer, vec![]);
    assert!(
        informer.is_ready() && is_done(informer.ready()),
        "an empty list is complete as well"
    );
    let written = pod("a", "1", "n", 7);
    assert!(!is_done(informer.caught_up(&written)));
    informer.apply(pod("b", "2", "n", 6));
    assert!(!is_done(informer.caught_up(&written)));
    informer.apply(written.clone());
    assert!(is_done(informer.caught_up(&written)));
    replace(&informer, vec![pod("b", "2", "n", 6)]);
    assert!(
        is_done(informer.caught_up(&written)),
        "what was seen stays seen"
    );
    let deleted = pod("b", "2", "n", 8);
    assert!(!is_done(informer.caught_up(&deleted)));
    informer.delete(deleted.clone());
    assert!(
        is_done(informer.caught_up(&deleted)),
        "a deletion is seen too"
    );
}

#[tokio::test]
async fn who_waits_is_woken() {
    let informer = Informer::new();
    replace(&informer, vec![]);
    let written = pod("a", "1", "n", 7);
    let (waiting, object) = (informer.clone(), written.clone());
    let waiting = tokio::spawn(async move { waiting.caught_up(&object).await });
    tokio::task::yield_now().await;
    informer.apply(written);
    waiting.await.expect("woken");
}

#[test]
fn of_many_objects_none_is_lost() {
    const MANY: u64 = 2500;
    let informer = Informer::new();
    let on_node = informer.index(|pod: &Pod| {
        pod.spec
            .iter()
            .flat_map(|spec| spec.node_name.clone())
            .collect()
    });
    let told = told(&informer);
    let pods =
        (1..=MANY).map(|number| pod(&format!("p{number}"), &number.to_string(), "n1", number));
    replace(&informer, pods.collect());
    assert_eq!(told.lock().len(), MANY as usize);
    assert_eq!(on_node.get("n1").len(), MANY as usize);
    assert_eq!(informer.list_in("default").len(), MANY as usize);
    let first = ObjectKey::new("default", "p1");
    assert_eq!(
        informer.get(&first).map(|pod| shown(&pod)),
        Some("p1@1".to_owned())
    );
    informer.apply(pod("p1", "1", "n2", MANY + 1));
    assert_eq!(
        told.lock().last().map(String::as_str),
        Some("updated p1@1 p1@2501")
    );
    assert_eq!(names(on_node.get("n2")), ["p1@2501"]);
    assert_eq!(on_node.get("n1").len(), MANY as usize - 1);
    informer.delete(pod("p2", "2", "n1", MANY + 2));
    assert_eq!(told.lock().last().map(String::as_str), Some("deleted p2@2"));
    replace(&informer, vec![pod("p3", "3", "n1", 3)]);
    assert_eq!(names(informer.list()), ["p3@3"]);
    assert!(on_node.get("n2").is_empty());
}
