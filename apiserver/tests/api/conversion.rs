//! Custom resources of several versions, which a webhook converts: `hostPort` in v1beta1 is `host` and `port` in v1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::{AsyncBufReadExt as _, StreamExt as _};
use http::Request;
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{Cluster, Listening, within};
use crate::webhooks::server::Hook;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const DEFINITION: &str =
    "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com";
const OLD: &str = "/apis/example.com/v1beta1/namespaces/default/things";
const NEW: &str = "/apis/example.com/v1/namespaces/default/things";

fn version(name: &str, storage: bool, spec: &Value) -> Value {
    json!({
        "name": name, "served": true, "storage": storage,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "spec": {"type": "object", "properties": spec},
            "status": {"type": "object", "properties": {"ready": {"type": "boolean"}}},
        }}},
        "subresources": {"status": {}},
    })
}

fn definition(cluster: &Cluster, hook: &Hook) -> Value {
    let text = json!({"type": "string"});
    let old = json!({"hostPort": text});
    let new = json!({"host": text, "port": {"type": "string", "default": "80"}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version("v1beta1", false, &old), version("v1", true, &new)],
            "conversion": {"strategy": "Webhook", "webhook": {
                "conversionReviewVersions": ["v2", "v1"],
                "clientConfig": {"url": hook.url, "caBundle": BASE64.encode(&cluster.pki.ca_pem)},
            }},
        },
    })
}

/// The webhook's answer: as an author of it would write it, with a fault for names that ask for one.
fn convert(request: &Value) -> Value {
    let desired = request["desiredAPIVersion"].as_str().unwrap();
    let objects = request["objects"].as_array().unwrap();
    let converted: Vec<Value> = objects.iter().map(|it| converted(it, desired)).collect();
    let refused = objects
        .iter()
        .any(|object| object["metadata"]["name"] == "refused");
    match refused {
        true => json!({"result": {"status": "Failed", "message": "no such port"}}),
        false => json!({"result": {"status": "Success"}, "convertedObjects": converted}),
    }
}

fn converted(object: &Value, desired: &str) -> Value {
    let mut object = object.clone();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let spec = &object["spec"];
    object["spec"] = match desired {
        "example.com/v1" => {
            let both = text(&spec["hostPort"]);
            let (host, port) = both.split_once(':').unwrap_or((&both, "80"));
            json!({"host": host, "port": port, "unknown": true})
        }
        _ => json!({"hostPort": format!("{}:{}", text(&spec["host"]), text(&spec["port"]))}),
    };
    object["apiVersion"] = desired.into();
    object["metadata"]["annotations"] = json!({"converted-to": desired});
    object["metadata"]["finalizers"] = json!(["may.not/be"]);
    if object["metadata"]["name"] == "renamed" {
        object["metadata"]["name"] = "other".into();
    }
    object
}

fn thing(version: &str, name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": format!("example.com/{version}"), "kind": "Thing",
        "metadata": {"name": name}, "spec": spec,
    })
}

struct Things {
    http: Http,
    hook: Hook,
    cluster: Cluster,
    _listening: Listening,
}

impl Things {
    /// A cluster in which things are served in both versions.
    async fn start() -> Self {
        let cluster = Cluster::start().await;
        let listening = cluster.listen().await;
        let http = Http(cluster.admin());
        let hook = Hook::start(&cluster.pki, convert).await;
        let made = http.post(DEFINITIONS, &definition(&cluster, &hook)).await;
        made.ok();
        let things = Self {
            http,
            hook,
            cluster,
            _listening: listening,
        };
        things.until(OLD, |list| list["kind"] == "ThingList").await;
        things
    }

    /// Asks until the answer is as wanted.
    async fn until(&self, path: &str, wanted: impl Fn(&Value) -> bool) {
        let as_wanted = async {
            while !wanted(&self.http.get(path).await.body) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        };
        within(as_wanted).await;
    }

    async fn spec(&self, folder: &str, name: &str) -> Value {
        self.http.get(&format!("{folder}/{name}")).await.ok()["spec"].clone()
    }
}

#[tokio::test]
async fn objects_are_shown_in_the_version_that_is_asked_for() {
    let things = Things::start().await;
    let http = &things.http;
    let made = http
        .post(OLD, &thing("v1beta1", "a", json!({"hostPort": "web:81"})))
        .await
        .ok();
    assert_eq!(made["spec"], json!({"hostPort": "web:81"}));
    let new = http.get(&format!("{NEW}/a")).await.ok();
    assert_eq!(new["apiVersion"], "example.com/v1");
    // What the schema does not know goes, and the metadata stays but for labels and annotations.
    assert_eq!(new["spec"], json!({"host": "web", "port": "81"}));
    assert_eq!(
        new["metadata"]["annotations"],
        json!({"converted-to": "example.com/v1"})
    );
    assert_eq!(new["metadata"]["finalizers"], Value::Null);
    assert_eq!(new["metadata"]["uid"], made["metadata"]["uid"]);

    // The defaults are those of the stored version.
    http.post(NEW, &thing("v1", "b", json!({"host": "db"})))
        .await
        .ok();
    assert_eq!(things.spec(OLD, "b").await, json!({"hostPort": "db:80"}));
    let patched = http
        .merge(
            &format!("{OLD}/b"),
            &json!({"spec": {"hostPort": "db:5432"}}),
        )
        .await
        .ok();
    assert_eq!(patched["spec"], json!({"hostPort": "db:5432"}));
    assert_eq!(patched["metadata"]["generation"], 2);
    assert_eq!(
        things.spec(NEW, "b").await,
        json!({"host": "db", "port": "5432"})
    );
    let status = json!({"status": {"ready": true}});
    let written = http.merge(&format!("{OLD}/b/status"), &status).await.ok();
    assert_eq!(written["status"], status["status"]);
    assert_eq!(written["metadata"]["generation"], 2);

    // A list is one question; and what is selected is what is shown.
    let asked = things.hook.asked().len();
    let list = http.get(OLD).await.ok();
    let specs: Vec<&Value> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["spec"]["hostPort"])
        .collect();
    assert_eq!(specs, ["web:81", "db:5432"]);
    let questions = things.hook.asked();
    assert_eq!(questions.len(), asked + 1);
    assert_eq!(questions[asked]["desiredAPIVersion"], "example.com/v1beta1");
    assert_eq!(questions[asked]["objects"].as_array().unwrap().len(), 2);
    let page = http.get(&format!("{OLD}?limit=1")).await.ok();
    assert_eq!(page["items"][0]["spec"], json!({"hostPort": "web:81"}));
    assert_eq!(page["metadata"]["remainingItemCount"], 1);
}

#[tokio::test]
async fn a_watch_tells_of_objects_in_its_version() {
    let things = Things::start().await;
    let http = &things.http;
    let made = http
        .post(NEW, &thing("v1", "a", json!({"host": "web"})))
        .await
        .ok();
    let changed = json!({"spec": {"port": "81"}, "metadata": {"labels": {"a": "b"}}});
    http.merge(&format!("{NEW}/a"), &changed).await.ok();
    http.delete(&format!("{NEW}/a"), &json!({})).await.ok();
    let first = made["metadata"]["resourceVersion"].as_str().unwrap();
    let since = first.parse::<u64>().unwrap() - 1;
    let watch = format!("{OLD}?watch=true&timeoutSeconds=1&resourceVersion={since}");
    let told = |body: Value| -> Vec<(String, String)> {
        let lines = body.as_str().unwrap_or_default().lines();
        let events = lines.map(|line| serde_json::from_str::<Value>(line).unwrap());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let pair = |it: Value| (text(&it["type"]), text(&it["object"]["spec"]["hostPort"]));
        events.map(pair).collect()
    };
    let pairs = |all: &[(&str, &str)]| -> Vec<(String, String)> {
        let pair = |(kind, spec): &(&str, &str)| ((*kind).to_owned(), (*spec).to_owned());
        all.iter().map(pair).collect()
    };
    let events = told(http.get(&watch).await.body);
    let expected = [
        ("ADDED", "web:80"),
        ("MODIFIED", "web:81"),
        ("DELETED", "web:81"),
    ];
    assert_eq!(events, pairs(&expected));
    let selected = told(http.get(&format!("{watch}&labelSelector=a")).await.body);
    assert_eq!(
        selected,
        pairs(&[("ADDED", "web:81"), ("DELETED", "web:81")])
    );
}

#[tokio::test]
async fn the_stored_version_may_change() {
    let things = Things::start().await;
    let http = &things.http;
    http.post(NEW, &thing("v1", "a", json!({"host": "web"})))
        .await
        .ok();
    let patch = json!([
        {"op": "replace", "path": "/spec/versions/0/storage", "value": true},
        {"op": "replace", "path": "/spec/versions/1/storage", "value": false},
    ]);
    let changed = http.patch(DEFINITION, "json-patch+json", &patch).await.ok();
    assert_eq!(
        changed["status"]["storedVersions"],
        json!(["v1", "v1beta1"])
    );
    assert_eq!(things.spec(OLD, "a").await, json!({"hostPort": "web:80"}));
    // From then on writes store it in the other version, which is shown without a question.
    let stored_anew = async {
        for port in 81.. {
            let change = json!({"spec": {"port": port.to_string()}});
            http.merge(&format!("{NEW}/a"), &change).await.ok();
            let asked = things.hook.asked().len();
            let spec = things.spec(OLD, "a").await;
            assert_eq!(spec, json!({"hostPort": format!("web:{port}")}));
            if things.hook.asked().len() == asked {
                return spec;
            }
        }
        Value::Null
    };
    let stored = within(stored_anew).await;

    let gone = json!([{"op": "remove", "path": "/spec/versions/1"}]);
    let message = http
        .patch(DEFINITION, "json-patch+json", &gone)
        .await
        .message();
    assert!(
        message.contains("status.storedVersions[0]: Invalid value: \"v1\": missing from spec.versions; v1 was previously a storage version"),
        "{message}"
    );
    let forgotten = json!({"status": {"storedVersions": ["v1beta1"]}});
    http.merge(&format!("{DEFINITION}/status"), &forgotten)
        .await
        .ok();
    http.patch(DEFINITION, "json-patch+json", &gone).await.ok();
    things.until(NEW, |list| list["code"] == 404).await;
    assert_eq!(things.spec(OLD, "a").await, stored);
}

#[tokio::test]
async fn fields_have_owners_in_the_versions_that_they_wrote() {
    let things = Things::start().await;
    let http = &things.http;
    let apply = |folder: &'static str, manager: &'static str, force: bool, object: Value| {
        let path = format!("{folder}/a?fieldManager={manager}&force={force}");
        async move { http.patch(&path, "apply-patch+yaml", &object).await }
    };
    let old = thing("v1beta1", "a", json!({"hostPort": "web:80"}));
    apply(OLD, "old", false, old.clone()).await.ok();
    let new = thing("v1", "a", json!({"host": "web"}));
    apply(NEW, "new", false, new).await.ok();
    let owners = |object: Value| -> Vec<Value> {
        let entries = object["metadata"]["managedFields"].as_array().unwrap();
        let owner = |it: &Value| json!([it["manager"], it["apiVersion"], it["fieldsV1"]["f:spec"]]);
        entries.iter().map(owner).collect()
    };
    let path = format!("{NEW}/a");
    let of_old = json!(["old", "example.com/v1beta1", {"f:hostPort": {}}]);
    let of_new = json!(["new", "example.com/v1", {"f:host": {}}]);
    let shared = owners(http.get(&path).await.ok());
    assert!(
        shared.contains(&of_old) && shared.contains(&of_new),
        "{shared:?}"
    );

    // Another port is another `hostPort`.
    let port = thing("v1", "a", json!({"host": "web", "port": "81"}));
    let message = apply(NEW, "new", false, port.clone()).await.message();
    assert_eq!(
        message,
        "Apply failed with 1 conflict: conflict with \"old\": .spec.hostPort"
    );
    apply(NEW, "new", true, port).await.ok();
    let taken = owners(http.get(&path).await.ok());
    assert_eq!(
        taken,
        [json!(["new", "example.com/v1", {"f:host": {}, "f:port": {}}])]
    );
    // And so is what somebody just writes.
    apply(OLD, "old", true, old).await.ok();
    let owned = owners(http.get(&path).await.ok());
    assert!(owned.contains(&of_old), "{owned:?}");
    let change = json!({"spec": {"port": "82"}});
    let patched = http
        .merge(&format!("{path}?fieldManager=hand"), &change)
        .await;
    let by_hand = owners(patched.ok());
    assert!(!by_hand.contains(&of_old), "{by_hand:?}");
    let of_hand = json!(["hand", "example.com/v1", {"f:port": {}}]);
    assert!(by_hand.contains(&of_hand), "{by_hand:?}");
}

#[tokio::test]
async fn a_conversion_that_fails_is_told() {
    let things = Things::start().await;
    let http = &things.http;
    let refused = |name: &'static str, words: &'static str| async move {
        let object = thing("v1beta1", name, json!({"hostPort": "a:1"}));
        let (code, reason, message) = http.post(OLD, &object).await.refused();
        assert_eq!(
            (code, reason.as_str(), message.as_str()),
            (500, "", words),
            "{name}"
        );
    };
    refused(
        "refused",
        "conversion webhook for example.com/v1beta1, Kind=Thing failed: no such port",
    )
    .await;
    refused(
        "renamed",
        "conversion webhook for example.com/v1beta1, Kind=Thing returned invalid object: must have the same name: renamed != other",
    )
    .await;
    http.post(NEW, &thing("v1", "a", json!({"host": "web"})))
        .await
        .ok();
    let Things {
        http,
        hook,
        cluster,
        ..
    } = &things;
    // Without the webhook only the stored version is served; and it can be deleted with its definition.
    let mut other = definition(cluster, hook);
    other["spec"]["conversion"]["webhook"]["clientConfig"]["url"] = "https://127.0.0.1:1/no".into();
    let patch = json!({"spec": {"conversion": other["spec"]["conversion"]}});
    http.merge(DEFINITION, &patch).await.ok();
    let down = "conversion webhook for example.com/v1, Kind=Thing failed: Post \"https://127.0.0.1:1/no?timeout=30s\": dial tcp 127.0.0.1:1: connect: connection refused";
    things
        .until(&format!("{OLD}/a"), |it| it["message"] == down)
        .await;
    assert_eq!(http.get(OLD).await.message(), down);
    http.get(NEW).await.ok();
    http.delete(DEFINITION, &json!({})).await.ok();
    things.until(DEFINITION, |it| it["code"] == 404).await;
}

#[tokio::test]
async fn a_watch_ends_when_its_definition_becomes_another_one() {
    let things = Things::start().await;
    let http = &things.http;
    http.post(NEW, &thing("v1", "a", json!({"host": "web"})))
        .await
        .ok();
    let watch = Request::get(format!("{NEW}?watch=true")).body(Vec::new());
    let lines = within(http.0.request_stream(watch.unwrap())).await.unwrap();
    let mut lines = std::pin::pin!(lines.lines());
    assert!(within(lines.next()).await.is_some());
    let patch = json!({"spec": {"names": {"shortNames": ["th"]}}});
    http.merge(DEFINITION, &patch).await.ok();
    assert!(within(lines.next()).await.is_none());
}
