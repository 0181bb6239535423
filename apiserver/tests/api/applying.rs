//! Server-side apply, and who owns which field after every other write.

use http::Request;
use serde_json::{Value, json};

use crate::http_client::{Answer, Http};
use crate::support::{CONFIG_MAPS, Cluster, DEPLOYMENTS, deployment, pod, service_account, within};

const APPLY: &str = "apply-patch+yaml";

async fn apply(http: &Http, path: &str, query: &str, config: &Value) -> Answer {
    let url = format!(
        "{path}/{}?{query}",
        config["metadata"]["name"].as_str().unwrap()
    );
    http.patch(&url, APPLY, config).await
}

/// `manager operation subresource`, of each entry.
fn owners(object: &Value) -> Vec<String> {
    let entries = object["metadata"]["managedFields"]
        .as_array()
        .into_iter()
        .flatten();
    let words = |entry: &Value| {
        let words = ["manager", "operation", "subresource"]
            .map(|field| entry[field].as_str().unwrap_or_default());
        words.join(" ").trim().to_owned()
    };
    entries.map(words).collect()
}

#[tokio::test]
async fn an_apply_makes_changes_and_leaves_what_is_the_same() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let config = |data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data});
    let one = config(json!({"x": "1", "y": "1"}));
    let made = apply(&http, CONFIG_MAPS, "fieldManager=ci", &one).await;
    assert_eq!(made.code, 201);
    let made = made.ok();
    assert_eq!(owners(&made), ["ci Apply"]);

    let again = apply(&http, CONFIG_MAPS, "fieldManager=ci", &one).await;
    assert_eq!(again.code, 200);
    assert_eq!(again.ok(), made, "nothing was written");

    let changed = apply(
        &http,
        CONFIG_MAPS,
        "fieldManager=ci",
        &config(json!({"x": "2"})),
    )
    .await
    .ok();
    assert_eq!(
        changed["data"],
        json!({"x": "2"}),
        "what is applied no more is gone"
    );
    let dry = apply(
        &http,
        CONFIG_MAPS,
        "fieldManager=ci&dryRun=All",
        &config(json!({"x": "3"})),
    )
    .await
    .ok();
    assert_eq!(dry["data"], json!({"x": "3"}));
    assert_eq!(http.get(&format!("{CONFIG_MAPS}/a")).await.ok(), changed);

    let other = apply(
        &http,
        CONFIG_MAPS,
        "fieldManager=other",
        &config(json!({"x": "4"})),
    )
    .await;
    let refused = other.refused();
    assert_eq!((refused.0, refused.1.as_str()), (409, "Conflict"));
    assert_eq!(
        refused.2,
        "Apply failed with 1 conflict: conflict with \"ci\": .data.x"
    );
    let forced = apply(
        &http,
        CONFIG_MAPS,
        "fieldManager=other&force=true",
        &config(json!({"x": "4"})),
    )
    .await
    .ok();
    assert_eq!(forced["data"], json!({"x": "4"}));
    assert_eq!(owners(&forced), ["other Apply"]);
}

#[tokio::test]
async fn every_write_enters_its_writer() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let made = http
        .post(
            &format!("{DEPLOYMENTS}?fieldManager=kubectl-create"),
            &deployment("web"),
        )
        .await
        .ok();
    assert_eq!(owners(&made), ["kubectl-create Update"]);
    assert_eq!(
        made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"]["f:replicas"],
        json!({}),
        "defaults too"
    );

    let web = format!("{DEPLOYMENTS}/web");
    http.merge(
        &format!("{web}/scale?fieldManager=kubectl"),
        &json!({"spec": {"replicas": 3}}),
    )
    .await
    .ok();
    let labelled = http
        .merge(
            &format!("{web}?fieldManager=kubectl-label"),
            &json!({"metadata": {"labels": {"a": "b"}}}),
        )
        .await
        .ok();
    let mut with_status = labelled.clone();
    with_status["status"]["replicas"] = json!(3);
    let reported = http
        .put(
            &format!("{web}/status?fieldManager=controller"),
            &with_status,
        )
        .await
        .ok();
    let mut found = owners(&reported);
    found.sort();
    assert_eq!(
        found,
        [
            "controller Update status",
            "kubectl Update scale",
            "kubectl-create Update",
            "kubectl-label Update"
        ]
    );

    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    http.post(accounts, &service_account("default")).await.ok();
    let pods = "/api/v1/namespaces/default/pods";
    let made = http
        .post(&format!("{pods}?fieldManager=kubectl-run"), &pod("p"))
        .await
        .ok();
    let fields = &made["metadata"]["managedFields"][0]["fieldsV1"]["f:spec"];
    assert_eq!(fields["f:restartPolicy"], json!({}));
    assert_eq!(
        fields["f:tolerations"],
        Value::Null,
        "what admission adds is nobody's"
    );
}

#[tokio::test]
async fn owners_can_be_edited_and_forgotten() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let a = format!("{CONFIG_MAPS}/a");
    http.post(
        &format!("{CONFIG_MAPS}?fieldManager=first"),
        &json!({"metadata": {"name": "a"}, "data": {"w": "1"}}),
    )
    .await
    .ok();
    let data = json!({"data": {"x": "1"}});
    let changed = http
        .merge(&format!("{a}?fieldManager=second"), &data)
        .await
        .ok();
    assert_eq!(owners(&changed), ["first Update", "second Update"]);
    let as_apply =
        json!([{"op": "replace", "path": "/metadata/managedFields/1/operation", "value": "Apply"}]);
    let given = http.patch(&a, "json-patch+json", &as_apply).await.ok();
    assert_eq!(owners(&given), ["second Apply", "first Update"]);
    let without = json!({"metadata": {"name": "a"}, "data": {"w": "1", "x": "1"}});
    assert_eq!(
        owners(&http.put(&a, &without).await.ok()),
        ["second Apply", "first Update"],
        "left out is not forgotten"
    );
    let forget = json!({"metadata": {"managedFields": [{}]}});
    let forgotten = http.merge(&a, &forget).await.ok();
    assert_eq!(owners(&forgotten), Vec::<String>::new());
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"y": "1"}});
    let adopted = apply(&http, CONFIG_MAPS, "fieldManager=ci", &config)
        .await
        .ok();
    assert_eq!(owners(&adopted), ["ci Apply", "before-first-apply Update"]);
}

#[tokio::test]
async fn a_count_is_applied_through_scale() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(
        &format!("{DEPLOYMENTS}?fieldManager=first"),
        &deployment("web"),
    )
    .await
    .ok();
    let scale = json!({"apiVersion": "autoscaling/v1", "kind": "Scale", "metadata": {"name": "web"}, "spec": {"replicas": 4}});
    let url = |query: &str| format!("{DEPLOYMENTS}/web/scale?{query}");
    let refused = http
        .patch(&url("fieldManager=hpa"), APPLY, &scale)
        .await
        .refused();
    assert_eq!(
        refused.2,
        "Apply failed with 1 conflict: conflict with \"first\" using apps/v1: .spec.replicas"
    );
    let scaled = http
        .patch(&url("fieldManager=hpa&force=true"), APPLY, &scale)
        .await
        .ok();
    assert_eq!(scaled["spec"]["replicas"], 4);
    let web = http.get(&format!("{DEPLOYMENTS}/web")).await.ok();
    assert_eq!(owners(&web), ["hpa Apply scale", "first Update"]);
}

#[tokio::test]
async fn an_apply_is_refused_in_clear_words() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "dta": {"x": "1"}});
    let nameless = apply(&http, CONFIG_MAPS, "", &config).await.refused();
    assert_eq!(nameless.0, 422);
    assert_eq!(
        nameless.2,
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
    let unknown = apply(&http, CONFIG_MAPS, "fieldManager=ci", &config)
        .await
        .refused();
    assert_eq!(
        unknown.2,
        "failed to create typed patch object (default/a; /v1, Kind=ConfigMap): .dta: field not declared in schema"
    );
    let forced = http
        .patch(
            &format!("{CONFIG_MAPS}/a?force=true"),
            "merge-patch+json",
            &json!({}),
        )
        .await
        .refused();
    assert_eq!(
        forced.2,
        "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch"
    );
    let status = http
        .patch(
            &format!("{DEPLOYMENTS}/none/status?fieldManager=ci"),
            APPLY,
            &json!({"metadata": {"name": "none"}}),
        )
        .await
        .refused();
    assert_eq!(status.0, 404);
}

#[tokio::test]
async fn yaml_is_applied_and_creating_needs_that_right() {
    let cluster = Cluster::start().await;
    let admin = Http(cluster.admin());
    let rule = json!({"apiGroups": [""], "resources": ["configmaps"], "verbs": ["patch", "get"]});
    let roles = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
    admin
        .post(
            &format!("{roles}/roles"),
            &json!({"metadata": {"name": "patcher"}, "rules": [rule]}),
        )
        .await
        .ok();
    let binding = json!({
        "metadata": {"name": "patcher"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "patcher"},
        "subjects": [{"kind": "User", "name": "jane", "apiGroup": "rbac.authorization.k8s.io"}],
    });
    admin
        .post(&format!("{roles}/rolebindings"), &binding)
        .await
        .ok();
    let jane = Http(cluster.client("jane", &["system:authenticated"]));
    let listening = cluster.listen().await;
    let may_read = async { while jane.get(&format!("{CONFIG_MAPS}/a")).await.code == 403 {} };
    within(may_read).await;
    let config = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": {"x": "1"}});
    let refused = apply(&jane, CONFIG_MAPS, "fieldManager=ci", &config)
        .await
        .refused();
    assert!(
        refused.2.contains("cannot create resource \"configmaps\""),
        "{}",
        refused.2
    );

    let yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: '1'}\n";
    let request = Request::patch(format!("{CONFIG_MAPS}/a?fieldManager=ci"));
    let request = request.header("content-type", format!("application/{APPLY}"));
    let made = admin.send(request.body(yaml.into()).unwrap()).await.ok();
    assert_eq!(made["data"], json!({"x": "1"}));
    apply(&jane, CONFIG_MAPS, "fieldManager=ci", &config)
        .await
        .ok();
    listening.stop().await;
}

/// A kind with hosts that are known by their name.
fn boats() -> Value {
    let host = json!({
        "type": "object", "required": ["name"],
        "properties": {"name": {"type": "string"}, "port": {"type": "integer"}},
    });
    let hosts = json!({
        "type": "array", "items": host,
        "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
    });
    let schema = json!({
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": {"hosts": hosts}}},
    });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": "boats.example.com"},
        "spec": {
            "group": "example.com", "scope": "Namespaced", "names": {"plural": "boats", "kind": "Boat"},
            "versions": [{"name": "v1", "served": true, "storage": true, "schema": {"openAPIV3Schema": schema}}],
        },
    })
}

#[tokio::test]
async fn custom_resources_are_shared_by_their_schema() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let listening = cluster.listen().await;
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    http.post(definitions, &boats()).await.ok();
    let boats = "/apis/example.com/v1/namespaces/default/boats";
    within(async { while http.get(boats).await.code != 200 {} }).await;
    let config = |host: &str, port: u16| {
        json!({
            "apiVersion": "example.com/v1", "kind": "Boat", "metadata": {"name": "a"},
            "spec": {"hosts": [{"name": host, "port": port}]},
        })
    };
    apply(&http, boats, "fieldManager=one", &config("x", 1))
        .await
        .ok();
    let shared = apply(&http, boats, "fieldManager=two", &config("y", 2))
        .await
        .ok();
    let both = json!([{"name": "x", "port": 1}, {"name": "y", "port": 2}]);
    assert_eq!(shared["spec"]["hosts"], both);
    assert_eq!(owners(&shared), ["one Apply", "two Apply"]);
    let refused = apply(&http, boats, "fieldManager=two", &config("x", 3))
        .await
        .refused();
    let words = "Apply failed with 1 conflict: conflict with \"one\": .spec.hosts[name=\"x\"].port";
    assert_eq!(refused.2, words);
    listening.stop().await;
}
