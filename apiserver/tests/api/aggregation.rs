//! A group that another API server serves.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::http_client::Http;
use crate::overload::Clients;
use crate::support::Cluster;
use crate::upstream::{Upstream, hear_an_echo};

const GROUP: &str = "/apis/wardle.example.com/v1alpha1";
const API_SERVICES: &str = "/apis/apiregistration.k8s.io/v1/apiservices";
const BETWEEN_LOOKS: Duration = Duration::from_millis(20);
const MOST_OF_A_WAIT: Duration = Duration::from_secs(60);

/// The server of the group.
fn answers(path: &str) -> Option<Value> {
    let schemas = "/openapi/v3/apis/wardle.example.com/v1alpha1";
    let flunder = json!({"type": "object", "description": "A Flunder"});
    let schema = json!({"$ref": "#/definitions/Flunder"});
    Some(match path {
        GROUP => json!({"kind": "APIResourceList", "resources": [
            {"name": "flunders", "kind": "Flunder", "namespaced": true, "verbs": ["get"]},
        ]}),
        "/openapi/v3" => json!({"paths": {
            "apis": {"serverRelativeURL": "/openapi/v3/apis?hash=1"},
            "apis/wardle.example.com/v1alpha1": {"serverRelativeURL": format!("{schemas}?hash=AB12")},
        }}),
        "/openapi/v3/apis/wardle.example.com/v1alpha1?hash=AB12" => {
            json!({"openapi": "3.0.0", "components": {"schemas": {"Flunder": flunder}}})
        }
        "/openapi/v2" => json!({
            "swagger": "2.0",
            "paths": {
                "/version": {"get": {}},
                "/apis/wardle.example.com/v1alpha1/flunders": {
                    "get": {"responses": {"200": {"description": "OK", "schema": schema}}},
                },
            },
            "definitions": {"Flunder": flunder, "Other": {}},
        }),
        _ => return None,
    })
}

/// Says who serves the group, and waits until that is known to be there.
async fn register(cluster: &Cluster, http: &Http, upstream: &Upstream) {
    let service = json!({
        "metadata": {"name": "wardle"},
        "spec": {"type": "ExternalName", "externalName": "127.0.0.1"},
    });
    let services = "/api/v1/namespaces/default/services";
    http.post(services, &service).await.ok();
    let api_service = json!({
        "metadata": {"name": "v1alpha1.wardle.example.com"},
        "spec": {
            "group": "wardle.example.com",
            "version": "v1alpha1",
            "groupPriorityMinimum": 1000,
            "versionPriority": 15,
            "caBundle": BASE64.encode(&cluster.pki.ca_pem),
            "service": {"namespace": "default", "name": "wardle", "port": upstream.port},
        },
    });
    http.post(API_SERVICES, &api_service).await.ok();
    let path = format!("{API_SERVICES}/v1alpha1.wardle.example.com");
    let began = Instant::now();
    loop {
        let condition = http.get(&path).await.ok()["status"]["conditions"][0].clone();
        if condition["status"] == "True" {
            return;
        }
        assert!(began.elapsed() < MOST_OF_A_WAIT, "{condition}");
        sleep(BETWEEN_LOOKS).await;
    }
}

#[tokio::test]
async fn its_schemas_are_told_here_and_its_streams_carried() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let http = Http(cluster.admin());
    let identity = cluster.pki.server("wardle.default.svc");
    let upstream = Upstream::start(Some(&identity), answers).await;
    let before = http.get("/openapi/v2").await.ok();
    register(&cluster, &http, &upstream).await;

    let index = http.get("/openapi/v3").await.ok();
    let url = &index["paths"]["apis/wardle.example.com/v1alpha1"]["serverRelativeURL"];
    let schemas = "/openapi/v3/apis/wardle.example.com/v1alpha1?hash=AB12";
    assert_eq!(url, schemas);
    assert_eq!(
        index["paths"]["apis"],
        Value::Null,
        "that is told by this server"
    );
    let document = http.get(schemas).await.ok();
    let flunder = &document["components"]["schemas"]["Flunder"];
    assert_eq!(flunder["description"], "A Flunder");

    let whole = http.get("/openapi/v2").await.ok();
    assert_eq!(whole["definitions"]["Flunder"], *flunder);
    assert_eq!(whole["definitions"]["Other"], Value::Null);
    let path = &whole["paths"]["/apis/wardle.example.com/v1alpha1/flunders"];
    assert!(path["get"].is_object(), "{path}");
    assert_eq!(whole["paths"]["/version"], before["paths"]["/version"]);
    let count = |document: &Value| document["definitions"].as_object().unwrap().len();
    assert_eq!(count(&whole), count(&before) + 1);

    let clients = Clients::of(&cluster, &listening);
    let console = format!("{GROUP}/namespaces/default/flunders/one/console");
    hear_an_echo(clients.connect().await, &console).await;
    let asked = upstream.asked();
    let asked = asked.iter().find(|head| head.contains("/console "));
    let asked = asked.expect("the stream was asked for");
    assert!(asked.contains("\r\nx-remote-user: ann\r\n"), "{asked}");
    assert!(!asked.contains("secret"), "{asked}");

    let path = format!("{API_SERVICES}/v1alpha1.wardle.example.com");
    http.delete(&path, &json!({})).await.ok();
    let began = Instant::now();
    while http.get(schemas).await.code != 404 {
        assert!(began.elapsed() < MOST_OF_A_WAIT, "it is still there");
        sleep(BETWEEN_LOOKS).await;
    }
    assert_eq!(count(&http.get("/openapi/v2").await.ok()), count(&before));
    listening.stop().await;
}
