//! What is around the objects: metrics, compression, events that end, reviews.

use http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, config_map, within};

#[tokio::test]
async fn metrics_have_the_names_that_users_know() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.get(CONFIG_MAPS).await.ok();
    http.get("/api/v1/nonsense").await.refused();
    let metrics = http.get("/metrics").await.ok();
    let metrics = metrics.as_str().unwrap();
    let line = "apiserver_request_total{verb=\"list\",group=\"\",version=\"v1\",resource=\"configmaps\",subresource=\"\",code=\"200\"} 1";
    assert!(metrics.contains(line), "{metrics}");
    assert!(metrics.contains("apiserver_request_duration_seconds_bucket"));
    assert!(
        !metrics.contains("nonsense"),
        "a client cannot make metrics"
    );
}

#[tokio::test]
async fn a_large_answer_is_compressed_if_the_client_asks() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut large = config_map("large");
    large["data"] = json!({"text": "x".repeat(200_000)});
    http.post(CONFIG_MAPS, &large).await.ok();
    let request = |encoding: &str| {
        let request = Request::get(CONFIG_MAPS).header("accept-encoding", encoding);
        request.body(Vec::new()).unwrap()
    };
    let plain = http.send(request("identity")).await;
    assert!(!plain.headers.contains_key("content-encoding"));
    let size: usize = plain.headers["content-length"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(size > 200_000);
    assert_eq!(plain.ok()["items"][0]["metadata"]["name"], "large");
    let packed = http.send(request("gzip")).await;
    assert_eq!(packed.headers["content-encoding"], "gzip");
}

#[tokio::test]
async fn an_event_lasts_an_hour() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let events = "/api/v1/namespaces/default/events";
    let event = |name: &str, minutes: i64| {
        let time = Timestamp::now() - SignedDuration::from_mins(minutes);
        let time = time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        json!({
            "metadata": {"name": name},
            "involvedObject": {"kind": "Pod", "namespace": "default", "name": "web"},
            "reason": "Started", "message": "Started container", "type": "Normal",
            "firstTimestamp": time, "lastTimestamp": time, "count": 1,
        })
    };
    http.post(events, &event("old", 61)).await.ok();
    http.post(events, &event("young", 30)).await.ok();
    let listening = cluster.listen().await;
    let gone = async {
        while http.get(&format!("{events}/old")).await.code != 404 {
            tokio::task::yield_now().await;
        }
    };
    within(gone).await;
    http.get(&format!("{events}/young")).await.ok();
    listening.stop().await;
}

#[tokio::test]
async fn rights_of_others_can_be_asked_for() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let question = json!({"spec": {
        "user": "system:node:n1",
        "groups": ["system:nodes"],
        "resourceAttributes": {"verb": "get", "resource": "pods", "namespace": "default"},
    }});
    let reviews = "/apis/authorization.k8s.io/v1";
    for path in [
        "subjectaccessreviews",
        "namespaces/default/localsubjectaccessreviews",
    ] {
        let answer = http
            .post(&format!("{reviews}/{path}"), &question)
            .await
            .ok();
        assert_eq!(answer["status"]["allowed"], true, "{path}");
    }
    let empty = http
        .post(
            &format!("{reviews}/subjectaccessreviews"),
            &json!({"spec": {}}),
        )
        .await;
    assert_eq!(empty.code, 400);
    let rules = http
        .post(
            &format!("{reviews}/selfsubjectrulesreviews"),
            &json!({"spec": {"namespace": "default"}}),
        )
        .await
        .ok();
    let all = json!(["*"]);
    let rules = rules["status"]["resourceRules"].as_array().unwrap().clone();
    assert!(
        rules
            .iter()
            .any(|rule: &Value| rule["verbs"] == all && rule["resources"] == all)
    );
}

#[tokio::test]
async fn a_client_that_never_greets_does_not_hold_up_the_end() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let silent = tokio::net::TcpStream::connect(("127.0.0.1", listening.port));
    let _silent = silent.await.unwrap();
    // Connections are accepted in their order: when this one is served, the silent one is at its handshake.
    let stranger = Http(cluster.token_client(&listening, None));
    stranger.get("/livez").await.ok();
    listening.stop().await;
}

#[tokio::test]
async fn the_service_of_the_api_comes_back() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let listening = cluster.listen().await;
    let kubernetes = "/api/v1/namespaces/default/services/kubernetes";
    let slice = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices/kubernetes".to_owned();
    for path in [kubernetes.to_owned(), slice] {
        let old = http.get(&path).await.ok();
        http.delete(&path, &json!({})).await.ok();
        let back = async {
            while http.get(&path).await.code == 404 {
                tokio::task::yield_now().await;
            }
        };
        within(back).await;
        let new = http.get(&path).await.ok();
        assert_ne!(new["metadata"]["uid"], old["metadata"]["uid"]);
        assert_eq!(new["spec"], old["spec"]);
        assert_eq!(new["endpoints"], old["endpoints"]);
    }
    listening.stop().await;
}
