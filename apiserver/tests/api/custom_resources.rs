//! Kinds that users make, and the objects of them.

use std::time::Duration;

use futures::{AsyncBufReadExt, StreamExt};
use http::Request;
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{Cluster, Listening, within};

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const THINGS: &str = "/apis/example.com/v1/namespaces/default/things";

fn definition() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing", "shortNames": ["th"], "categories": ["toys"]},
            "versions": [version("v1", true)],
        },
    })
}

fn version(name: &str, storage: bool) -> Value {
    json!({
        "name": name, "served": true, "storage": storage,
        "schema": {"openAPIV3Schema": {
            "type": "object",
            "required": ["spec"],
            "properties": {
                "spec": {
                    "type": "object",
                    "required": ["size"],
                    "properties": {
                        "size": {"type": "integer", "maximum": 10, "description": "How many."},
                        "color": {"type": "string", "enum": ["red", "blue"], "default": "red"},
                    },
                },
                "status": {"type": "object", "properties": {"size": {"type": "integer"}}},
            },
        }},
        "subresources": {
            "status": {},
            "scale": {"specReplicasPath": ".spec.size", "statusReplicasPath": ".status.size"},
        },
        "selectableFields": [{"jsonPath": ".spec.color"}],
        "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}],
    })
}

fn thing(name: &str, spec: Value) -> Value {
    json!({
        "apiVersion": "example.com/v1", "kind": "Thing",
        "metadata": {"name": name}, "spec": spec,
    })
}

/// A cluster in which things are served.
async fn with_things(definition: &Value) -> (Cluster, Listening, Http) {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let http = Http(cluster.admin());
    http.post(DEFINITIONS, definition).await.ok();
    established(&http).await;
    (cluster, listening, http)
}

async fn established(http: &Http) {
    let path = format!("{DEFINITIONS}/things.example.com");
    until(http, &path, |definition| {
        condition(definition, "Established") == "True"
    })
    .await;
}

/// Reads an object until it is as wanted.
async fn until(http: &Http, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..2000 {
        last = http.get(path).await.body;
        if wanted(&last) {
            return last;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{path} is not as wanted: {last:#}");
}

fn condition<'a>(object: &'a Value, name: &str) -> &'a str {
    let conditions = object["status"]["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let found = conditions.find(|condition| condition["type"] == name);
    found
        .and_then(|found| found["status"].as_str())
        .unwrap_or_default()
}

#[tokio::test]
async fn a_definition_makes_a_kind() {
    let (_cluster, _listening, http) = with_things(&definition()).await;
    let made = http.post(THINGS, &thing("a", json!({"size": 1}))).await;
    assert_eq!(made.code, 201);
    let made = made.ok();
    assert_eq!(made["spec"], json!({"size": 1, "color": "red"}));
    assert_eq!(made["metadata"]["generation"], 1);

    let list = http.get(THINGS).await.ok();
    assert_eq!(
        (&list["kind"], &list["items"][0]),
        (&json!("ThingList"), &made)
    );
    let blue = http
        .get(&format!("{THINGS}?fieldSelector=spec.color%3Dblue"))
        .await
        .ok();
    assert_eq!(blue["items"], json!([]));
    let table = http
        .get_as(THINGS, "application/json;as=Table;v=v1;g=meta.k8s.io")
        .await
        .ok();
    assert_eq!(table["rows"][0]["cells"], json!(["a", 1]));

    let path = format!("{THINGS}/a");
    let bigger = http.merge(&path, &json!({"spec": {"size": 2}})).await.ok();
    assert_eq!(
        (&bigger["spec"]["size"], &bigger["metadata"]["generation"]),
        (&json!(2), &json!(2))
    );
    let strategic = http
        .patch(&path, "strategic-merge-patch+json", &json!({}))
        .await;
    assert_eq!(strategic.code, 415);
    let status = http
        .patch(
            &format!("{path}/status"),
            "merge-patch+json",
            &json!({"spec": {"size": 9}, "status": {"size": 2}}),
        )
        .await
        .ok();
    assert_eq!(
        (&status["spec"]["size"], &status["status"]["size"]),
        (&json!(2), &json!(2))
    );
    assert_eq!(status["metadata"]["generation"], 2);
    let scale = http
        .merge(&format!("{path}/scale"), &json!({"spec": {"replicas": 5}}))
        .await
        .ok();
    assert_eq!(
        (&scale["spec"]["replicas"], &scale["status"]["replicas"]),
        (&json!(5), &json!(2))
    );
    assert_eq!(http.get(&path).await.ok()["spec"]["size"], 5);
}

#[tokio::test]
async fn what_breaks_the_schema_is_refused_in_clear_words() {
    let (_cluster, _listening, http) = with_things(&definition()).await;
    let cases = [
        (
            json!({"size": 20}),
            "spec.size: Invalid value: 20: spec.size in body should be less than or equal to 10",
        ),
        (json!({}), "spec.size: Required value"),
        (
            json!({"size": 1, "color": "green"}),
            r#"spec.color: Unsupported value: "green": supported values: "red", "blue""#,
        ),
        (
            json!({"size": "x"}),
            r#"spec.size: Invalid value: "string": spec.size in body must be of type integer: "string""#,
        ),
    ];
    for (spec, words) in cases {
        let (code, reason, message) = http.post(THINGS, &thing("a", spec)).await.refused();
        assert_eq!((code, reason.as_str()), (422, "Invalid"));
        assert_eq!(
            message,
            format!("Thing.example.com \"a\" is invalid: {words}")
        );
    }
    let unknown = thing("a", json!({"size": 1, "weight": 7}));
    let strict = http
        .post(&format!("{THINGS}?fieldValidation=Strict"), &unknown)
        .await;
    let (code, _, message) = strict.refused();
    assert_eq!(code, 400);
    assert_eq!(
        message,
        r#"Thing in version "v1" cannot be handled as a Thing: strict decoding error: unknown field "spec.weight""#
    );
    let warned = http.post(THINGS, &unknown).await;
    assert_eq!(
        warned.warnings(),
        [r#"299 - "unknown field \"spec.weight\"""#]
    );
    assert_eq!(warned.ok()["spec"], json!({"size": 1, "color": "red"}));
    http.post(THINGS, &thing("b", json!({"size": 1})))
        .await
        .ok();
    let late = http
        .merge(&format!("{THINGS}/b"), &json!({"spec": {"size": 11}}))
        .await;
    assert_eq!(late.code, 422);
}

#[tokio::test]
async fn rules_in_cel_hold() {
    let mut ruled = definition();
    let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec";
    ruled.pointer_mut(spec).unwrap()["x-kubernetes-validations"] = json!([
        {"rule": "self.color != 'blue' || self.size > 1", "message": "blue ones are large"},
        {"rule": "self.size >= oldSelf.size", "messageExpression": "'was ' + string(oldSelf.size)"},
    ]);
    let (_cluster, _listening, http) = with_things(&ruled).await;
    let told = |words: &str| {
        format!("Thing.example.com \"a\" is invalid: spec: Invalid value: \"object\": {words}")
    };
    let small = thing("a", json!({"size": 1, "color": "blue"}));
    let refused = http.post(THINGS, &small).await;
    assert_eq!(refused.message(), told("blue ones are large"));
    http.post(THINGS, &thing("a", json!({"size": 3})))
        .await
        .ok();
    let path = format!("{THINGS}/a");
    let refused = http.merge(&path, &json!({"spec": {"size": 2}})).await;
    assert_eq!(refused.message(), told("was 3"));
    http.merge(&path, &json!({"spec": {"size": 4}})).await.ok();
}

#[tokio::test]
async fn clients_are_told_of_the_kind() {
    let (_cluster, _listening, http) = with_things(&definition()).await;
    let resources = http.get("/apis/example.com/v1").await.ok();
    let names: Vec<&Value> = resources["resources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["name"])
        .collect();
    assert_eq!(
        json!(names),
        json!(["things", "things/scale", "things/status"])
    );
    assert_eq!(resources["resources"][0]["shortNames"], json!(["th"]));
    assert_eq!(resources["resources"][0]["categories"], json!(["toys"]));
    let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    let groups = http.get_as("/apis", accept).await.ok();
    let mut groups = groups["items"].as_array().unwrap().iter();
    assert!(groups.any(|group| group["metadata"]["name"] == "example.com"));

    let index = http.get("/openapi/v3").await.ok();
    let path = index["paths"]["apis/example.com/v1"]["serverRelativeURL"]
        .as_str()
        .unwrap()
        .to_owned();
    let document = http.get(&path).await.ok();
    let schemas = &document["components"]["schemas"];
    let kind = &schemas["com.example.v1.Thing"];
    assert_eq!(
        kind["properties"]["spec"]["properties"]["size"]["description"],
        "How many."
    );
    assert_eq!(kind["x-kubernetes-group-version-kind"][0]["kind"], "Thing");
    assert!(schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"].is_object());
    let swagger = http.get("/openapi/v2").await.ok();
    assert!(swagger["definitions"]["com.example.v1.ThingList"].is_object());
}

#[tokio::test]
async fn one_name_is_given_once() {
    let (_cluster, _listening, http) = with_things(&definition()).await;
    let mut second = definition();
    second["metadata"]["name"] = json!("others.example.com");
    second["spec"]["names"]["plural"] = json!("others");
    http.post(DEFINITIONS, &second).await.ok();
    let path = format!("{DEFINITIONS}/others.example.com");
    let told = until(&http, &path, |it| condition(it, "NamesAccepted") == "False").await;
    assert_eq!(condition(&told, "Established"), "False");
    assert_eq!(
        told["status"]["conditions"][0]["message"],
        "\"thing\" is already in use"
    );
    http.delete(&format!("{DEFINITIONS}/things.example.com"), &json!({}))
        .await
        .ok();
    until(&http, &path, |it| condition(it, "Established") == "True").await;
}

#[tokio::test]
async fn versions_are_shown_as_asked() {
    let mut two = definition();
    two["spec"]["versions"] = json!([version("v1", false), version("v2", true)]);
    two["spec"]["versions"][1]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["note"] =
        json!({"type": "string", "default": "new"});
    let (_cluster, _listening, http) = with_things(&two).await;
    let old = http
        .post(THINGS, &thing("a", json!({"size": 1})))
        .await
        .ok();
    assert_eq!(old["apiVersion"], "example.com/v1");
    let path = "/apis/example.com/v2/namespaces/default/things";
    let new = http.get(&format!("{path}/a")).await.ok();
    assert_eq!(
        (&new["apiVersion"], &new["spec"]["note"]),
        (&json!("example.com/v2"), &json!("new"))
    );
    let listed = http.get(path).await.ok();
    assert_eq!(listed["items"][0], new);
    assert_eq!(http.get(&format!("{THINGS}/a")).await.ok(), old);
    let changed = http
        .merge(&format!("{THINGS}/a"), &json!({"spec": {"size": 2}}))
        .await
        .ok();
    assert_eq!(changed["apiVersion"], "example.com/v1");
    let group = http.get("/apis/example.com").await.ok();
    assert_eq!(group["preferredVersion"]["version"], "v2");
}

#[tokio::test]
async fn a_new_default_shows_in_old_objects() {
    let (_cluster, _listening, http) = with_things(&definition()).await;
    http.post(THINGS, &thing("a", json!({"size": 1})))
        .await
        .ok();
    let field = json!({"type": "string", "default": "later"});
    let place = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/note";
    let patch = json!([{"op": "add", "path": place, "value": field}]);
    let path = format!("{DEFINITIONS}/things.example.com");
    http.patch(&path, "json-patch+json", &patch).await.ok();
    let path = format!("{THINGS}/a");
    until(&http, &path, |thing| thing["spec"]["note"] == "later").await;
}

#[tokio::test]
async fn a_definition_takes_its_resources_along() {
    let (_cluster, listening, http) = with_things(&definition()).await;
    let mut held = thing("held", json!({"size": 1}));
    held["metadata"]["finalizers"] = json!(["hold.example.com"]);
    http.post(THINGS, &held).await.ok();
    http.post(THINGS, &thing("free", json!({"size": 1})))
        .await
        .ok();
    let version = http.get(THINGS).await.ok()["metadata"]["resourceVersion"].clone();
    let watch = format!(
        "{THINGS}?watch=true&resourceVersion={}",
        version.as_str().unwrap()
    );
    let watch = Request::get(watch).body(Vec::new()).unwrap();
    let mut events = Box::pin(within(http.0.request_stream(watch)).await.unwrap().lines());
    let path = format!("{DEFINITIONS}/things.example.com");
    let marked = http.delete(&path, &json!({})).await.ok();
    assert_eq!(
        marked["metadata"]["finalizers"],
        json!(["customresourcecleanup.apiextensions.k8s.io"])
    );
    until(&http, &format!("{THINGS}/free"), |it| it["code"] == 404).await;
    loop {
        let event = within(events.next()).await.expect("the watch goes on");
        let event: Value = serde_json::from_str(&event.unwrap()).unwrap();
        if event["object"]["metadata"]["name"] == "free" {
            assert_eq!(event["type"], "DELETED");
            break;
        }
    }
    let (code, _, message) = http
        .post(THINGS, &thing("late", json!({"size": 1})))
        .await
        .refused();
    assert_eq!(code, 405);
    assert_eq!(
        message,
        "create not allowed while custom resource definition is terminating"
    );
    http.merge(
        &format!("{THINGS}/held"),
        &json!({"metadata": {"finalizers": null}}),
    )
    .await
    .ok();
    until(&http, &path, |it| it["code"] == 404).await;
    until(&http, THINGS, |it| it["code"] == 404).await;
    listening.stop().await;
}
