//! Rules about one version of a resource, and requests in another one: who is asked, and what he sees.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{Cluster, within};
use crate::webhooks::server::Hook;

const REGISTRATION: &str = "/apis/admissionregistration.k8s.io/v1";
const OLD: &str = "/apis/autoscaling/v1/namespaces/default/horizontalpodautoscalers";

fn autoscaler(name: &str) -> Value {
    json!({
        "apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "maxReplicas": 3, "targetCPUUtilizationPercentage": 50,
        },
    })
}

/// A webhook about HorizontalPodAutoscalers of autoscaling/v2.
fn configuration(cluster: &Cluster, hook: &Hook, match_policy: &str) -> Value {
    json!({
        "metadata": {"name": match_policy.to_lowercase()},
        "webhooks": [{
            "name": "autoscalers.example.com",
            "clientConfig": {"url": hook.url, "caBundle": BASE64.encode(&cluster.pki.ca_pem)},
            "rules": [{
                "operations": ["CREATE", "UPDATE"], "apiGroups": ["autoscaling"], "apiVersions": ["v2"],
                "resources": ["horizontalpodautoscalers"],
            }],
            "matchPolicy": match_policy,
            "sideEffects": "None",
            "admissionReviewVersions": ["v1"],
        }],
    })
}

/// Asks again until the answer is as wanted: rules are in force a moment after they are stored.
async fn until(http: &Http, path: &str, object: &Value, wanted: impl Fn(&Value) -> bool) -> Value {
    let path = format!("{path}?dryRun=All");
    within(async {
        loop {
            let answer = http.post(&path, object).await.body;
            if wanted(&answer) {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn a_webhook_sees_and_changes_the_version_that_it_names() {
    let cluster = Cluster::start().await;
    let (http, listening) = (Http(cluster.admin()), cluster.listen().await);
    let refusing = Hook::start(&cluster.pki, |_| json!({"allowed": false})).await;
    let exact = configuration(&cluster, &refusing, "Exact");
    let mutating = format!("{REGISTRATION}/mutatingwebhookconfigurations");
    http.post(&mutating, &exact).await.ok();
    let changing = Hook::start(&cluster.pki, |_| {
        let path = "/spec/metrics/0/resource/target/averageUtilization";
        let patch = json!([{"op": "replace", "path": path, "value": 70}]);
        json!({"allowed": true, "patchType": "JSONPatch", "patch": BASE64.encode(patch.to_string())})
    })
    .await;
    let equivalent = configuration(&cluster, &changing, "Equivalent");
    http.post(&mutating, &equivalent).await.ok();

    let use_of_cpu = |answer: &Value| answer["spec"]["targetCPUUtilizationPercentage"] == 70;
    until(&http, OLD, &autoscaler("a"), use_of_cpu).await;
    let made = http.post(OLD, &autoscaler("a")).await.ok();
    assert!(use_of_cpu(&made), "{made}");
    assert_eq!(made["apiVersion"], "autoscaling/v1");

    let request = changing.asked().pop().unwrap();
    let kind = |version: &str| json!({"group": "autoscaling", "version": version, "kind": "HorizontalPodAutoscaler"});
    assert_eq!(request["kind"], kind("v2"));
    assert_eq!(request["requestKind"], kind("v1"));
    assert_eq!(request["resource"]["version"], "v2");
    assert_eq!(request["requestResource"]["version"], "v1");
    assert_eq!(request["object"]["apiVersion"], "autoscaling/v2");
    assert_eq!(request["object"]["spec"]["metrics"][0]["type"], "Resource");
    assert_eq!(refusing.asked().len(), 0);

    // The other one is asked about what it names.
    let mut newer = autoscaler("b");
    newer["apiVersion"] = json!("autoscaling/v2");
    newer["spec"]["targetCPUUtilizationPercentage"].take();
    let refused = http.post(&OLD.replace("v1", "v2"), &newer).await.message();
    assert!(refused.contains("denied the request"), "{refused}");
    listening.stop().await;
}

#[tokio::test]
async fn a_policy_sees_custom_resources_in_the_version_that_it_names() {
    let cluster = Cluster::start().await;
    let (http, listening) = (Http(cluster.admin()), cluster.listen().await);
    let version = |name: &str, storage: bool| {
        json!({
            "name": name, "served": true, "storage": storage,
            "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                "spec": {"type": "object", "properties": {"size": {"type": "integer"}}},
            }}},
        })
    };
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "things.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": {"plural": "things", "kind": "Thing"},
            "versions": [version("v1beta1", false), version("v1", true)],
        },
    });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    http.post(definitions, &definition).await.ok();
    let policy = json!({
        "metadata": {"name": "small"},
        "spec": {
            "matchConstraints": {"resourceRules": [{
                "operations": ["CREATE"], "apiGroups": ["example.com"], "apiVersions": ["v1"], "resources": ["things"],
            }]},
            "validations": [{
                "expression": "object.spec.size < 3",
                "messageExpression": "object.apiVersion + ' of ' + request.requestKind.version + ' as ' + request.kind.version",
            }],
        },
    });
    let policies = format!("{REGISTRATION}/validatingadmissionpolicies");
    http.post(&policies, &policy).await.ok();
    let binding = json!({
        "metadata": {"name": "small"},
        "spec": {"policyName": "small", "validationActions": ["Deny"]},
    });
    let bindings = format!("{REGISTRATION}/validatingadmissionpolicybindings");
    http.post(&bindings, &binding).await.ok();

    let things = "/apis/example.com/v1beta1/namespaces/default/things";
    let thing = |size: i64| {
        json!({
            "apiVersion": "example.com/v1beta1", "kind": "Thing",
            "metadata": {"name": "a"}, "spec": {"size": size},
        })
    };
    let words = "denied request: example.com/v1 of v1beta1 as v1";
    until(&http, things, &thing(5), |answer| {
        let message = answer["message"].as_str().unwrap_or_default();
        message.ends_with(words)
    })
    .await;
    let made = http.post(things, &thing(2)).await.ok();
    assert_eq!(made["apiVersion"], "example.com/v1beta1");
    listening.stop().await;
}
