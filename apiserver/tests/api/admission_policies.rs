//! Policies in CEL: what users see of those that refuse, warn and change objects.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, Listening, config_map, within};

const GROUP: &str = "/apis/admissionregistration.k8s.io/v1";

async fn serving(cluster: &Cluster) -> (Http, Listening) {
    (Http(cluster.admin()), cluster.listen().await)
}

/// The spec of a policy about ConfigMaps.
fn about_config_maps(rest: Value) -> Value {
    let mut spec = json!({"matchConstraints": {"resourceRules": [{
        "operations": ["CREATE", "UPDATE", "DELETE"],
        "apiGroups": [""], "apiVersions": ["v1"], "resources": ["configmaps"],
    }]}});
    for (field, value) in rest.as_object().unwrap() {
        spec[field] = value.clone();
    }
    spec
}

async fn make(http: &Http, kind: &str, name: &str, spec: Value) {
    let object = json!({"metadata": {"name": name}, "spec": spec});
    http.post(&format!("{GROUP}/{kind}"), &object).await.ok();
}

/// Waits until a dry run of that ConfigMap is answered as wanted: policies are in force a moment after they are stored.
async fn until(http: &Http, object: &Value, wanted: impl Fn(&str) -> bool) -> String {
    let probe = format!("{CONFIG_MAPS}?dryRun=All");
    within(async {
        loop {
            let answer = http.post(&probe, object).await;
            let seen = format!("{} {} {:?}", answer.code, answer.body, answer.warnings());
            if wanted(&seen) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_policy_refuses_by_its_bindings() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let spec = about_config_maps(json!({
        "paramKind": {"apiVersion": "v1", "kind": "ConfigMap"},
        "validations": [
            {"expression": "object == null || !has(object.data) || object.data.size() <= int(params.data.limit)",
             "message": "too much", "reason": "Forbidden"},
        ],
    }));
    http.post(
        CONFIG_MAPS,
        &json!({"metadata": {"name": "limits", "labels": {"of": "size"}}, "data": {"limit": "1"}}),
    )
    .await
    .ok();
    make(&http, "validatingadmissionpolicies", "size", spec).await;
    make(
        &http,
        "validatingadmissionpolicybindings",
        "size-here",
        json!({
            "policyName": "size", "validationActions": ["Deny"],
            "paramRef": {"selector": {"matchLabels": {"of": "size"}}, "namespace": "default", "parameterNotFoundAction": "Deny"},
        }),
    )
    .await;
    let large = json!({"metadata": {"name": "large"}, "data": {"a": "1", "b": "2"}});
    until(&http, &large, |seen| seen.starts_with("403")).await;
    let refused = http.post(CONFIG_MAPS, &large).await;
    let cause =
        "ValidatingAdmissionPolicy 'size' with binding 'size-here' denied request: too much";
    assert_eq!(
        refused.body["details"]["causes"],
        json!([{"message": cause}])
    );
    let words = format!("configmaps \"large\" is forbidden: {cause}");
    assert_eq!(refused.refused(), (403, "Forbidden".to_owned(), words));
    http.post(CONFIG_MAPS, &config_map("small")).await.ok();

    // Without parameters it cannot be evaluated.
    http.delete(&format!("{CONFIG_MAPS}/limits"), &json!({}))
        .await
        .ok();
    let refused = http.post(CONFIG_MAPS, &config_map("other")).await.message();
    assert!(refused.contains("no params found"), "{refused}");
    listening.stop().await;
}

#[tokio::test]
async fn what_cannot_be_evaluated_follows_the_failure_policy() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let binding = |name: &str| json!({"policyName": name, "validationActions": ["Deny"]});
    let wrong = |failure: &str| {
        about_config_maps(json!({
            "failurePolicy": failure,
            "validations": [{"expression": "object.none == 1"}],
        }))
    };
    make(
        &http,
        "validatingadmissionpolicies",
        "a-ignored",
        wrong("Ignore"),
    )
    .await;
    make(
        &http,
        "validatingadmissionpolicybindings",
        "a",
        binding("a-ignored"),
    )
    .await;
    make(
        &http,
        "validatingadmissionpolicies",
        "b-failed",
        wrong("Fail"),
    )
    .await;
    make(
        &http,
        "validatingadmissionpolicybindings",
        "b",
        binding("b-failed"),
    )
    .await;
    until(&http, &config_map("a"), |seen| seen.starts_with("422")).await;
    let refused = http.post(CONFIG_MAPS, &config_map("a")).await;
    let words = "configmaps \"a\" is forbidden: ValidatingAdmissionPolicy 'b-failed' with binding 'b' denied request: \
                 expression 'object.none == 1' resulted in error: no such key: none";
    assert_eq!(
        refused.refused(),
        (422, "Invalid".to_owned(), words.to_owned())
    );

    // A policy does not stand in its own way.
    http.delete(
        &format!("{GROUP}/validatingadmissionpolicies/b-failed"),
        &json!({}),
    )
    .await
    .ok();
    until(&http, &config_map("a"), |seen| seen.starts_with("201")).await;
    let unknown = about_config_maps(json!({
        "paramKind": {"apiVersion": "example.com/v1", "kind": "Limit"},
        "validations": [{"expression": "true"}],
    }));
    make(&http, "validatingadmissionpolicies", "c-unknown", unknown).await;
    let seen = until(&http, &config_map("a"), |seen| seen.starts_with("422")).await;
    let words = "ValidatingAdmissionPolicy 'c-unknown' denied request: failed to configure policy: failed to find \
                 resource referenced by paramKind: 'example.com/v1, Kind=Limit'";
    assert!(seen.contains(words), "{seen}");
    listening.stop().await;
}

#[tokio::test]
async fn a_policy_only_warns() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let spec = about_config_maps(json!({
        "matchConditions": [{"name": "new", "expression": "request.operation == 'CREATE'"}],
        "validations": [{"expression": "has(object.metadata.labels)", "message": "no labels"}],
    }));
    make(&http, "validatingadmissionpolicies", "labels", spec).await;
    let binding = json!({"policyName": "labels", "validationActions": ["Warn", "Audit"]});
    make(
        &http,
        "validatingadmissionpolicybindings",
        "labels",
        binding,
    )
    .await;
    let words =
        "Validation failed for ValidatingAdmissionPolicy 'labels' with binding 'labels': no labels";
    let seen = until(&http, &config_map("a"), |seen| seen.contains(words)).await;
    assert!(seen.starts_with("201"), "{seen}");
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let changed = http
        .merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"x": "y"}}))
        .await;
    assert!(changed.warnings().is_empty(), "{:?}", changed.warnings());
    listening.stop().await;
}

fn patch(expression: &str) -> Value {
    json!([{"patchType": "JSONPatch", "jsonPatch": {"expression": expression}}])
}

#[tokio::test]
async fn policies_change_objects_and_see_later_changes_if_they_want_to() {
    let cluster = Cluster::start().await;
    let (http, listening) = serving(&cluster).await;
    let count = "[JSONPatch{op: 'add', path: '/data/count', value: string(object.data.size())}]";
    let counting = |reinvocation: &str| {
        about_config_maps(json!({"reinvocationPolicy": reinvocation, "mutations": patch(count)}))
    };
    make(
        &http,
        "mutatingadmissionpolicies",
        "a-counts",
        counting("IfNeeded"),
    )
    .await;
    let adds = about_config_maps(json!({
        "reinvocationPolicy": "Never",
        "mutations": [{"patchType": "ApplyConfiguration", "applyConfiguration": {
            "expression": "Object{data: Object.data{added: 'yes'}}",
        }}],
    }));
    make(&http, "mutatingadmissionpolicies", "b-adds", adds).await;
    for name in ["a-counts", "b-adds"] {
        make(
            &http,
            "mutatingadmissionpolicybindings",
            name,
            json!({"policyName": name}),
        )
        .await;
    }
    let object = json!({"metadata": {"name": "a"}, "data": {"x": "y"}});
    until(&http, &object, |seen| {
        seen.contains("\"added\":\"yes\"") && seen.contains("count")
    })
    .await;
    let made = http.post(CONFIG_MAPS, &object).await.ok();
    assert_eq!(
        made["data"],
        json!({"added": "yes", "count": "3", "x": "y"})
    );
    let changed = http
        .merge(&format!("{CONFIG_MAPS}/a"), &json!({"data": {"z": "1"}}))
        .await
        .ok();
    assert_eq!(
        changed["data"],
        json!({"added": "yes", "count": "4", "x": "y", "z": "1"})
    );

    // What cannot be done is refused: there is no data to count.
    let refused = http.post(CONFIG_MAPS, &config_map("bare")).await;
    let (code, reason, words) = refused.refused();
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    let expected = "policy 'a-counts' with binding 'a-counts' denied request: ";
    assert!(words.starts_with(expected), "{words}");
    http.delete(&format!("{CONFIG_MAPS}/a"), &json!({}))
        .await
        .ok();
    listening.stop().await;
}
