//! Answers in protobuf, for who asks for them.

use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use skiff_api::decode_protobuf;

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, config_map, within};

const PROTOBUF: &str = "application/vnd.kubernetes.protobuf";

/// The content type and the bytes of an answer to who accepts this.
async fn asked(cluster: &Cluster, path: &str, accept: &str) -> (String, Vec<u8>) {
    let request = Request::get(path).header("accept", accept);
    let request = request.body(Body::empty()).unwrap();
    let answer = within(cluster.admin().send(request)).await.unwrap();
    let content_type = answer.headers()["content-type"].to_str().unwrap();
    let content_type = content_type.to_owned();
    let body = within(answer.into_body().collect()).await.unwrap();
    (content_type, body.to_bytes().to_vec())
}

#[tokio::test]
async fn objects_are_written_in_it() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let made = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let path = format!("{CONFIG_MAPS}/a");
    let (content_type, body) = asked(&cluster, &path, PROTOBUF).await;
    assert_eq!(content_type, PROTOBUF);
    let mut expected = made;
    // FieldsV1 comes as it is; nothing else differs.
    assert_eq!(decode_protobuf(&body).unwrap(), expected);

    let partial = format!("{PROTOBUF};as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
    let (_, body) = asked(&cluster, &path, &partial).await;
    expected["kind"] = "PartialObjectMetadata".into();
    expected["apiVersion"] = "meta.k8s.io/v1".into();
    assert_eq!(decode_protobuf(&body).unwrap(), expected);

    let table = format!("{PROTOBUF};as=Table;g=meta.k8s.io;v=v1, application/json");
    let (content_type, _) = asked(&cluster, &path, &table).await;
    assert_eq!(content_type, "application/json");
}

#[tokio::test]
async fn events_of_a_watch_come_in_frames() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let made = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let path = format!("{CONFIG_MAPS}?watch=1&timeoutSeconds=1");
    let (content_type, body) = asked(&cluster, &path, PROTOBUF).await;
    assert_eq!(
        content_type,
        "application/vnd.kubernetes.protobuf;stream=watch"
    );
    let length = u32::from_be_bytes(body[..4].try_into().unwrap()) as usize;
    assert_eq!(body.len(), 4 + length, "one frame");
    let object = body.windows(4).position(|bytes| bytes == b"k8s\0").unwrap();
    assert!(body[..object].windows(5).any(|bytes| bytes == b"ADDED"));
    assert_eq!(decode_protobuf(&body[object..]).unwrap(), made);
}

#[tokio::test]
async fn events_have_two_forms() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let event = serde_json::json!({
        "metadata": {"name": "e"}, "regarding": {"kind": "Pod", "name": "web", "namespace": "default"},
        "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal", "reason": "Scheduled", "action": "Binding",
        "note": "assigned", "reportingController": "default-scheduler", "reportingInstance": "n1",
    });
    let newer = "/apis/events.k8s.io/v1/namespaces/default/events";
    let older = "/api/v1/namespaces/default/events";
    let made = http.post(newer, &event).await.ok();
    assert_eq!(made["note"], "assigned");
    let core = http.get(&format!("{older}/e")).await.ok();
    assert_eq!(core["apiVersion"], "v1");
    assert_eq!(core["message"], "assigned");
    assert_eq!(core["involvedObject"]["name"], "web");
    let found = http
        .get(&format!("{newer}?fieldSelector=regarding.name%3Dweb"))
        .await
        .ok();
    assert_eq!(found["items"][0]["note"], "assigned");
    assert_eq!(found["items"][0]["apiVersion"], "events.k8s.io/v1");
    let none = http
        .get(&format!("{newer}?fieldSelector=regarding.name%3Dother"))
        .await
        .ok();
    assert_eq!(none["items"], serde_json::json!([]));
}
