//! Watches.

use std::pin::Pin;

use futures::{AsyncBufRead, AsyncBufReadExt as _, Stream, StreamExt as _};
use http::Request;
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, config_map, within};

/// The events of a watch.
struct Events(Pin<Box<dyn Stream<Item = std::io::Result<String>> + Send>>);

impl Events {
    async fn of(http: &Http, query: &str) -> Self {
        Self::as_form(http, query, "application/json").await
    }

    async fn as_form(http: &Http, query: &str, accept: &str) -> Self {
        let path = format!("{CONFIG_MAPS}?watch=true&{query}");
        let request = Request::get(path).header("accept", accept);
        let request = request.body(Vec::new()).unwrap();
        let lines = within(http.0.request_stream(request)).await.unwrap();
        let lines: Pin<Box<dyn AsyncBufRead + Send>> = Box::pin(lines);
        Self(Box::pin(lines.lines()))
    }

    async fn next(&mut self) -> Value {
        let line = within(self.0.next())
            .await
            .expect("the watch goes on")
            .unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Type and name.
    async fn short(&mut self) -> (String, String) {
        let event = self.next().await;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        (
            text(&event["type"]),
            text(&event["object"]["metadata"]["name"]),
        )
    }

    async fn expect(&mut self, expected: &[(&str, &str)]) {
        for (kind, name) in expected {
            let (got_kind, got_name) = self.short().await;
            assert_eq!((got_kind.as_str(), got_name.as_str()), (*kind, *name));
        }
    }
}

#[tokio::test]
async fn a_watch_tells_what_is_and_what_comes() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let mut events = Events::of(&http, "").await;
    events.expect(&[("ADDED", "a")]).await;
    http.post(CONFIG_MAPS, &config_map("b")).await.ok();
    http.merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"x": "y"}}))
        .await
        .ok();
    http.delete(&format!("{CONFIG_MAPS}/b"), &json!({}))
        .await
        .ok();
    events.expect(&[("ADDED", "b"), ("MODIFIED", "a")]).await;
    let deleted = events.next().await;
    assert_eq!(deleted["type"], "DELETED");
    let list = http.get(CONFIG_MAPS).await.ok();
    assert_eq!(
        deleted["object"]["metadata"]["resourceVersion"], list["metadata"]["resourceVersion"],
        "a deletion carries the version of the deletion"
    );
}

#[tokio::test]
async fn a_watch_goes_on_from_a_version() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let first = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    http.post(CONFIG_MAPS, &config_map("b")).await.ok();
    let version = first["metadata"]["resourceVersion"].as_str().unwrap();
    let mut events = Events::of(&http, &format!("resourceVersion={version}")).await;
    events.expect(&[("ADDED", "b")]).await;
}

#[tokio::test]
async fn objects_enter_and_leave_a_selection() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut events = Events::of(&http, "labelSelector=tier%3Dx").await;
    let path = format!("{CONFIG_MAPS}/a");
    http.post(CONFIG_MAPS, &config_map("other")).await.ok();
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let label = |value: Value| json!({"metadata": {"labels": {"tier": value}}});
    http.merge(&path, &label(json!("x"))).await.ok();
    http.merge(&path, &json!({"data": {"x": "y"}})).await.ok();
    http.merge(&path, &label(Value::Null)).await.ok();
    http.merge(&path, &label(json!("x"))).await.ok();
    http.delete(&path, &json!({})).await.ok();
    let expected = ["ADDED", "MODIFIED", "DELETED", "ADDED", "DELETED"];
    events.expect(&expected.map(|kind| (kind, "a"))).await;
}

#[tokio::test]
async fn one_name_is_watched_alone() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut events = Events::of(&http, "fieldSelector=metadata.name%3Da").await;
    http.post(CONFIG_MAPS, &config_map("ab")).await.ok();
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    events.expect(&[("ADDED", "a")]).await;
}

#[tokio::test]
async fn a_streaming_list_says_when_it_is_complete() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    let mut events = Events::of(&http, query).await;
    events.expect(&[("ADDED", "a")]).await;
    let bookmark = events.next().await;
    assert_eq!(bookmark["type"], "BOOKMARK");
    let metadata = &bookmark["object"]["metadata"];
    assert_eq!(metadata["annotations"]["k8s.io/initial-events-end"], "true");
    let list = http.get(CONFIG_MAPS).await.ok();
    assert_eq!(
        metadata["resourceVersion"],
        list["metadata"]["resourceVersion"]
    );
    let bad = format!("{CONFIG_MAPS}?watch=true&sendInitialEvents=true");
    assert_eq!(http.get(&bad).await.code, 400);
}

#[tokio::test]
async fn a_watch_ends_at_its_timeout_with_a_bookmark() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut events = Events::of(&http, "timeoutSeconds=1&allowWatchBookmarks=true").await;
    http.post(
        "/api/v1/namespaces",
        &json!({"metadata": {"name": "elsewhere"}}),
    )
    .await
    .ok();
    assert_eq!(events.next().await["type"], "BOOKMARK");
    assert!(within(events.0.next()).await.is_none());
}

#[tokio::test]
async fn a_forgotten_version_is_gone() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    cluster
        .store
        .compact(cluster.store.revision())
        .await
        .unwrap();
    let mut events = Events::of(&http, "resourceVersion=1").await;
    let event = events.next().await;
    assert_eq!(event["type"], "ERROR");
    assert_eq!(event["object"]["code"], 410);
    assert_eq!(event["object"]["reason"], "Expired");
    assert!(within(events.0.next()).await.is_none());
    let list = format!("{CONFIG_MAPS}?resourceVersion=1&resourceVersionMatch=Exact");
    assert_eq!(http.get(&list).await.code, 410);
}

#[tokio::test]
async fn rows_are_watched_as_kubectl_does() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
    let mut events = Events::as_form(&http, "", table).await;
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    http.post(CONFIG_MAPS, &config_map("b")).await.ok();
    let first = events.next().await;
    assert_eq!(first["object"]["kind"], "Table");
    assert_eq!(first["object"]["columnDefinitions"][0]["name"], "Name");
    assert_eq!(first["object"]["rows"][0]["cells"][0], "a");
    let second = events.next().await;
    assert_eq!(second["object"]["columnDefinitions"], Value::Null);
    assert_eq!(second["object"]["rows"][0]["cells"][0], "b");
}

#[tokio::test]
async fn a_timeout_of_zero_is_none() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut events = Events::of(&http, "timeoutSeconds=0").await;
    let object = config_map("a");
    let (told, made) = tokio::join!(events.short(), http.post(CONFIG_MAPS, &object));
    made.ok();
    assert_eq!(told, ("ADDED".to_owned(), "a".to_owned()));
}
