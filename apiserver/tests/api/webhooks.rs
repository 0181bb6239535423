//! Webhooks that are asked: a real TLS server beside the API server, and what users see of its answers.

pub(crate) mod server;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use server::Hook;

use crate::http_client::Http;
use crate::support::{
    CONFIG_MAPS, Cluster, DEPLOYMENTS, Listening, config_map, deployment, within,
};

const MUTATING: &str = "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations";
const VALIDATING: &str = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations";

/// An API server that runs, as its administrator sees it.
async fn serving(cluster: &Cluster) -> (Http, Listening) {
    (Http(cluster.admin()), cluster.listen().await)
}

/// A configuration of one webhook, which is about ConfigMaps and is at `url`.
fn configuration(cluster: &Cluster, name: &str, url: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "webhooks": [{
            "name": format!("{name}.example.com"),
            "clientConfig": {"url": url, "caBundle": BASE64.encode(&cluster.pki.ca_pem)},
            "rules": [{
                "operations": ["CREATE", "UPDATE", "DELETE"],
                "apiGroups": ["", "apps"], "apiVersions": ["v1"],
                "resources": ["configmaps", "deployments", "deployments/scale"],
            }],
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    })
}

/// Makes a configuration, and waits until it is in force: the API server takes it over a moment later.
async fn register(http: &Http, kind: &str, configuration: &Value, hook: &Hook) {
    http.post(kind, configuration).await.ok();
    let asked = hook.asked().len();
    let in_force = async {
        while hook.asked().len() == asked {
            let probe = format!("{CONFIG_MAPS}?dryRun=All");
            http.post(&probe, &config_map("probe")).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(in_force).await;
}

fn allow(_: &Value) -> Value {
    json!({"allowed": true})
}

#[tokio::test]
async fn a_refusal_names_its_webhook() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let hook = Hook::start(&cluster.pki, |request| {
        let allowed = request["object"]["data"]["bad"].is_null();
        json!({
            "allowed": allowed,
            "status": {"code": 403, "message": "no bad data"},
            "warnings": ["data is looked at"],
        })
    })
    .await;
    let wanted = configuration(&cluster, "data", &hook.url);
    register(&http, VALIDATING, &wanted, &hook).await;

    let mut bad = config_map("bad");
    bad["data"] = json!({"bad": "1"});
    let refused = http.post(CONFIG_MAPS, &bad).await;
    assert_eq!(refused.warnings(), ["299 - \"data is looked at\""]);
    assert_eq!(
        refused.refused(),
        (
            403,
            String::new(),
            "admission webhook \"data.example.com\" denied the request: no bad data".to_owned()
        )
    );
    let made = http.post(CONFIG_MAPS, &config_map("good")).await;
    assert_eq!(made.warnings(), ["299 - \"data is looked at\""]);
    made.ok();

    let request = hook.asked().pop().unwrap();
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    for (field, expected) in [
        ("kind", kind.clone()),
        ("requestKind", kind),
        ("name", json!("good")),
        ("namespace", json!("default")),
        ("operation", json!("CREATE")),
        ("dryRun", json!(false)),
        ("oldObject", Value::Null),
        (
            "options",
            json!({"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"}),
        ),
    ] {
        assert_eq!(request[field], expected, "{field}");
    }
    assert_eq!(request["userInfo"]["username"], "admin");
    assert_eq!(request["object"]["kind"], "ConfigMap");
    listening.stop().await;
}

#[tokio::test]
async fn webhooks_change_objects_in_turn() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let add = |key: &'static str| {
        move |request: &Value| {
            let seen = request["object"]["metadata"]["labels"].as_object();
            let seen = seen.map_or(0, serde_json::Map::len);
            let patch = match seen {
                0 => json!([{"op": "add", "path": "/metadata/labels", "value": {key: "0"}}]),
                _ => {
                    json!([{"op": "add", "path": format!("/metadata/labels/{key}"), "value": seen.to_string()}])
                }
            };
            let patch = BASE64.encode(patch.to_string());
            json!({"allowed": true, "patch": patch, "patchType": "JSONPatch"})
        }
    };
    let (first, second) = (
        Hook::start(&cluster.pki, add("first")).await,
        Hook::start(&cluster.pki, add("second")).await,
    );
    let b = configuration(&cluster, "b", &second.url);
    register(&http, MUTATING, &b, &second).await;
    let a = configuration(&cluster, "a", &first.url);
    register(&http, MUTATING, &a, &first).await;
    let made = http.post(CONFIG_MAPS, &config_map("labelled")).await.ok();
    assert_eq!(
        made["metadata"]["labels"],
        json!({"first": "0", "second": "1"})
    );

    let changed = json!({"metadata": {"labels": null}});
    let path = format!("{CONFIG_MAPS}/labelled");
    let changed = http.merge(&path, &changed).await.ok();
    assert_eq!(
        changed["metadata"]["labels"],
        json!({"first": "0", "second": "1"})
    );
    assert_eq!(
        first.asked().pop().unwrap()["oldObject"]["metadata"]["name"],
        "labelled"
    );
    listening.stop().await;
}

#[tokio::test]
async fn a_webhook_sees_later_changes_if_it_wants_to() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let first = Hook::start(&cluster.pki, allow).await;
    let second = Hook::start(&cluster.pki, |_| {
        let patch =
            BASE64.encode(json!([{"op": "add", "path": "/data", "value": {"a": "b"}}]).to_string());
        json!({"allowed": true, "patch": patch, "patchType": "JSONPatch"})
    })
    .await;
    let mut a = configuration(&cluster, "a", &first.url);
    a["webhooks"][0]["reinvocationPolicy"] = json!("IfNeeded");
    register(&http, MUTATING, &a, &first).await;
    let b = configuration(&cluster, "b", &second.url);
    register(&http, MUTATING, &b, &second).await;
    let before = first.asked().len();
    http.post(CONFIG_MAPS, &config_map("twice")).await.ok();
    let seen: Vec<Value> = first.asked().split_off(before);
    let seen: Vec<&Value> = seen
        .iter()
        .map(|request| &request["object"]["data"])
        .collect();
    assert_eq!(seen, [&Value::Null, &json!({"a": "b"})]);
    listening.stop().await;
}

#[tokio::test]
async fn a_webhook_that_is_down_stops_requests_or_does_not() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let hook = Hook::start(&cluster.pki, allow).await;
    let mut wanted = configuration(&cluster, "down", &hook.url);
    register(&http, VALIDATING, &wanted, &hook).await;
    let url = format!("{}?timeout=10s", hook.url);
    let port = hook.port;
    hook.stop().await;
    let refused = http.post(CONFIG_MAPS, &config_map("a")).await.refused();
    let words = format!(
        "Internal error occurred: failed calling webhook \"down.example.com\": failed to call webhook: \
         Post {url:?}: dial tcp 127.0.0.1:{port}: connect: connection refused"
    );
    assert_eq!(refused, (500, "InternalError".to_owned(), words));

    wanted["webhooks"][0]["failurePolicy"] = json!("Ignore");
    let path = format!("{VALIDATING}/down");
    http.merge(&path, &wanted).await.ok();
    let goes_on = async {
        while http.post(CONFIG_MAPS, &config_map("b")).await.code != 201 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(goes_on).await;
    listening.stop().await;
}

#[tokio::test]
async fn an_authority_that_is_not_trusted_is_named() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let hook = Hook::start(&cluster.pki, allow).await;
    let mut wanted = configuration(&cluster, "strange", &hook.url);
    wanted["webhooks"][0]["clientConfig"]["caBundle"] =
        json!(BASE64.encode(crate::pki::Pki::new().ca_pem));
    http.post(VALIDATING, &wanted).await.ok();
    let expected = format!(
        "Internal error occurred: failed calling webhook \"strange.example.com\": failed to call webhook: \
         Post \"{}?timeout=10s\": tls: failed to verify certificate: x509: certificate signed by unknown authority",
        hook.url
    );
    let told = async {
        loop {
            let answer = http
                .post(&format!("{CONFIG_MAPS}?dryRun=All"), &config_map("a"))
                .await;
            if answer.code != 201 {
                return answer.message();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert_eq!(within(told).await, expected);
    listening.stop().await;
}

#[tokio::test]
async fn deletes_and_scales_are_asked_about_and_configurations_are_not() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let hook = Hook::start(&cluster.pki, |request| {
        let allowed = request["operation"] != "DELETE" && request["subResource"] != "scale";
        json!({"allowed": allowed, "status": {"reason": "Forbidden"}})
    })
    .await;
    let mut wanted = configuration(&cluster, "all", &hook.url);
    let rule = &mut wanted["webhooks"][0]["rules"][0];
    rule["apiGroups"] = json!(["*"]);
    rule["resources"] = json!(["*", "*/scale"]);
    register(&http, VALIDATING, &wanted, &hook).await;
    let refused = "admission webhook \"all.example.com\" denied the request: Forbidden";

    http.post(CONFIG_MAPS, &config_map("kept")).await.ok();
    let path = format!("{CONFIG_MAPS}/kept");
    assert_eq!(http.delete(&path, &json!({})).await.message(), refused);
    let request = hook.asked().pop().unwrap();
    assert_eq!(request["object"], Value::Null);
    assert_eq!(request["oldObject"]["metadata"]["name"], "kept");

    http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let scale = json!({"spec": {"replicas": 3}});
    let scaled = http
        .merge(&format!("{DEPLOYMENTS}/web/scale"), &scale)
        .await;
    assert_eq!(scaled.message(), refused);
    let request = hook.asked().pop().unwrap();
    assert_eq!(request["kind"]["kind"], "Scale");
    assert_eq!(request["resource"]["resource"], "deployments");
    assert_eq!(request["object"]["spec"]["replicas"], 3);

    let path = format!("{VALIDATING}/all");
    http.delete(&path, &json!({})).await.ok();
    listening.stop().await;
}

#[tokio::test]
async fn selectors_and_dry_runs_narrow_what_is_asked_about() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let hook = Hook::start(&cluster.pki, allow).await;
    let mut wanted = configuration(&cluster, "some", &hook.url);
    wanted["webhooks"][0]["objectSelector"] = json!({"matchLabels": {"look": "yes"}});
    wanted["webhooks"][0]["namespaceSelector"] =
        json!({"matchLabels": {"kubernetes.io/metadata.name": "default"}});
    http.post(VALIDATING, &wanted).await.ok();
    let mut looked_at = config_map("a");
    looked_at["metadata"]["labels"] = json!({"look": "yes"});
    let in_force = async {
        while hook.asked().is_empty() {
            http.post(&format!("{CONFIG_MAPS}?dryRun=All"), &looked_at)
                .await
                .ok();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(in_force).await;
    let asked = hook.asked();
    assert_eq!(asked[0]["dryRun"], true);
    assert_eq!(asked[0]["options"]["dryRun"], json!(["All"]));
    http.post(CONFIG_MAPS, &config_map("b")).await.ok();
    let elsewhere = "/api/v1/namespaces/kube-public/configmaps";
    http.post(elsewhere, &looked_at).await.ok();
    assert_eq!(hook.asked().len(), asked.len());
    listening.stop().await;
}
