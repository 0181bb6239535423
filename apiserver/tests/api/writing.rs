//! Create, update, patch.

use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, DEPLOYMENTS, config_map, deployment, pod};

#[tokio::test]
async fn a_new_object_gets_what_only_the_server_gives() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut wanted = deployment("web");
    wanted["metadata"]["uid"] = json!("mine");
    wanted["metadata"]["creationTimestamp"] = json!("2001-01-01T00:00:00Z");
    wanted["status"] = json!({"replicas": 7});
    let answer = http.post(DEPLOYMENTS, &wanted).await;
    assert_eq!(answer.code, 201);
    let made = answer.ok();
    let metadata = &made["metadata"];
    assert_eq!(metadata["namespace"], "default");
    assert_eq!(metadata["generation"], 1);
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert!(metadata["creationTimestamp"].as_str().unwrap() > "2020");
    assert_eq!(
        made["spec"]["strategy"]["type"], "RollingUpdate",
        "defaults are filled in"
    );
    assert_ne!(
        made["status"]["replicas"], 7,
        "the status is not the user's"
    );
    let read = http.get(&format!("{DEPLOYMENTS}/web")).await.ok();
    assert_eq!(read, made);
}

#[tokio::test]
async fn a_name_is_made_from_its_beginning() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let wanted = json!({"metadata": {"generateName": "web-"}});
    let first = http.post(CONFIG_MAPS, &wanted).await.ok();
    let second = http.post(CONFIG_MAPS, &wanted).await.ok();
    let name = |object: &Value| object["metadata"]["name"].as_str().unwrap().to_owned();
    assert!(name(&first).starts_with("web-") && name(&first).len() == 9);
    assert_ne!(name(&first), name(&second));
}

#[tokio::test]
async fn bad_input_is_refused_in_clear_words() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(CONFIG_MAPS, &config_map("taken")).await.ok();
    let elsewhere = json!({"metadata": {"name": "a", "namespace": "other"}});
    let other_version = json!({"apiVersion": "v2", "metadata": {"name": "a"}});
    let other_kind = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}});
    let bad_name = json!({"metadata": {"name": "Not_A_Name"}});
    let cases = [
        (
            config_map("taken"),
            409,
            "AlreadyExists",
            "configmaps \"taken\" already exists",
        ),
        (
            elsewhere,
            400,
            "BadRequest",
            "the namespace of the provided object does not match the namespace sent on the request",
        ),
        (
            other_version,
            400,
            "BadRequest",
            "the API version in the data (v2) does not match the expected API version (v1)",
        ),
        (
            other_kind,
            400,
            "BadRequest",
            "Pod in version \"v1\" cannot be handled as a ConfigMap: ",
        ),
        (
            json!({"metadata": {}}),
            422,
            "Invalid",
            "ConfigMap \"\" is invalid: metadata.name: Required value: name or generateName is required",
        ),
        (
            bad_name,
            422,
            "Invalid",
            "ConfigMap \"Not_A_Name\" is invalid: metadata.name: Invalid value: \"Not_A_Name\": a lowercase RFC 1123 subdomain must consist of",
        ),
        (
            json!({"metadata": {"name": "a"}, "data": 5}),
            400,
            "BadRequest",
            "ConfigMap in version \"v1\" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ConfigMap.data of type map[string]string",
        ),
    ];
    for (body, code, reason, message) in cases {
        let refused = http.post(CONFIG_MAPS, &body).await.refused();
        assert_eq!(
            (refused.0, refused.1.as_str()),
            (code, reason),
            "{body}: {}",
            refused.2
        );
        assert!(refused.2.starts_with(message), "{body}: {}", refused.2);
    }
    let nowhere = "/api/v1/namespaces/nowhere/configmaps";
    let refused = http.post(nowhere, &config_map("a")).await.refused();
    assert_eq!(
        refused,
        (
            404,
            "NotFound".into(),
            "namespaces \"nowhere\" not found".into()
        )
    );
    let all = http.get(CONFIG_MAPS).await.ok();
    assert_eq!(
        all["items"].as_array().unwrap().len(),
        1,
        "nothing was stored"
    );
}

#[tokio::test]
async fn bodies_that_are_no_object_are_refused() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let json = "application/json";
    let large = format!("{{\"metadata\":{{\"name\":\"{}\"}}}}", "x".repeat(4 << 20));
    let cases: [(&str, &[u8], u16); 6] = [
        (json, b"{\"metadata\":", 400),
        (json, b"", 400),
        (json, b"[]", 400),
        ("application/yaml", b"a: [", 400),
        ("text/csv", b"a,b", 415),
        (json, large.as_bytes(), 413),
    ];
    for (content_type, body, code) in cases {
        let answer = http.post_raw(CONFIG_MAPS, content_type, body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(20)]);
        assert_eq!(answer.code, code, "{shown}: {}", answer.body);
    }
    let yaml = b"metadata:\n  name: from-yaml\ndata: {a: b}\n";
    let made = http
        .post_raw(CONFIG_MAPS, "application/yaml", yaml)
        .await
        .ok();
    assert_eq!(made["data"]["a"], "b");
}

#[tokio::test]
async fn unknown_fields_are_warned_of_or_refused() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let mut wanted = deployment("web");
    wanted["spec"]["foo"] = json!(1);
    let strict = format!("{DEPLOYMENTS}?fieldValidation=Strict");
    assert_eq!(
        http.post(&strict, &wanted).await.message(),
        "Deployment in version \"v1\" cannot be handled as a Deployment: strict decoding error: unknown field \"spec.foo\""
    );
    let answer = http.post(DEPLOYMENTS, &wanted).await;
    assert_eq!(
        answer.warnings(),
        ["299 - \"unknown field \\\"spec.foo\\\"\""]
    );
    assert_eq!(answer.ok()["spec"]["foo"], Value::Null);
    let twice = br#"{"metadata": {"name": "twice"}, "data": {"a": "1", "a": "2"}}"#;
    let answer = http.post_raw(CONFIG_MAPS, "application/json", twice).await;
    assert_eq!(
        answer.warnings(),
        ["299 - \"duplicate field \\\"data.a\\\"\""]
    );
    // As they stand in the text.
    let both = br#"{"zero": 0, "metadata": {"name": "b"}, "data": {"a": "1", "a": "2"}, "b": 0}"#;
    let strict = format!("{CONFIG_MAPS}?fieldValidation=Strict");
    let refused = http.post_raw(&strict, "application/json", both).await;
    assert_eq!(
        refused.message(),
        r#"ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "zero", duplicate field "data.a", unknown field "b""#
    );
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{CONFIG_MAPS}/a");
    let made = http
        .post(&format!("{CONFIG_MAPS}?dryRun=All"), &config_map("a"))
        .await
        .ok();
    assert!(made["metadata"]["uid"].is_string());
    assert_eq!(http.get(&path).await.code, 404);
    let stored = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let patch = json!({"data": {"x": "y"}});
    let patched = http.merge(&format!("{path}?dryRun=All"), &patch).await.ok();
    assert_eq!(patched["data"]["x"], "y");
    http.delete(&path, &json!({"dryRun": ["All"]})).await.ok();
    assert_eq!(http.get(&path).await.ok(), stored);
}

#[tokio::test]
async fn an_update_must_know_the_latest_version() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{CONFIG_MAPS}/a");
    let first = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let mut second = first.clone();
    second["data"] = json!({"x": "1"});
    let second = http.put(&path, &second).await.ok();
    assert_ne!(
        first["metadata"]["resourceVersion"],
        second["metadata"]["resourceVersion"]
    );
    let refused = http.put(&path, &first).await.refused();
    assert_eq!(
        refused,
        (409, "Conflict".into(), "Operation cannot be fulfilled on configmaps \"a\": the object has been modified; please apply your changes to the latest version and try again".into())
    );
    let unchanged = http.put(&path, &second).await.ok();
    assert_eq!(
        unchanged, second,
        "a write of the same takes no new version"
    );
    let unconditional = http.put(&path, &json!({"data": {"x": "2"}})).await.ok();
    assert_eq!(unconditional["data"]["x"], "2");
    let mut impostor = unconditional.clone();
    impostor["metadata"]["uid"] = json!("other");
    assert!(
        http.put(&path, &impostor)
            .await
            .message()
            .contains("Precondition failed: UID in precondition: other")
    );
    let misnamed = json!({"metadata": {"name": "b"}});
    assert_eq!(
        http.put(&path, &misnamed).await.message(),
        "the name of the object (b) does not match the name on the URL (a)"
    );
}

#[tokio::test]
async fn spec_and_status_are_written_apart() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{DEPLOYMENTS}/web");
    let mut object = http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    object["spec"]["replicas"] = json!(3);
    object["status"]["replicas"] = json!(9);
    let updated = http.put(&path, &object).await.ok();
    assert_eq!(updated["metadata"]["generation"], 2);
    assert_eq!(updated["spec"]["replicas"], 3);
    assert_eq!(updated["status"]["replicas"], Value::Null);
    let mut object = updated.clone();
    object["spec"]["replicas"] = json!(5);
    object["status"] = json!({"replicas": 3});
    let reported = http.put(&format!("{path}/status"), &object).await.ok();
    assert_eq!(reported["metadata"]["generation"], 2);
    assert_eq!(reported["spec"]["replicas"], 3);
    assert_eq!(reported["status"]["replicas"], 3);
    let patch = json!({"spec": {"selector": {"matchLabels": {"app": "other"}}}});
    let refused = http.merge(&path, &patch).await.refused();
    assert_eq!(refused.0, 422, "{}", refused.2);
    assert!(refused.2.contains("field is immutable"), "{}", refused.2);
}

#[tokio::test]
async fn three_forms_of_patch() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{DEPLOYMENTS}/web");
    http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let image = "/spec/template/spec/containers/0/image";
    let operations = json!([{"op": "replace", "path": image, "value": "a:1"}]);
    let patched = http.patch(&path, "json-patch+json", &operations).await.ok();
    assert_eq!(patched.pointer(image).unwrap(), "a:1");
    let container = json!({"name": "nginx", "image": "a:2"});
    let strategic = json!({"spec": {"template": {"spec": {"containers": [container]}}}});
    let patched = http
        .patch(&path, "strategic-merge-patch+json", &strategic)
        .await
        .ok();
    assert_eq!(patched.pointer(image).unwrap(), "a:2");
    assert_eq!(
        patched["spec"]["template"]["spec"]["containers"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    let old = json!({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 4}});
    assert_eq!(http.merge(&path, &old).await.code, 409);
    let unknown = http.patch(&path, "yaml", &json!({})).await;
    assert_eq!(unknown.code, 415);
    assert_eq!(
        http.merge(&format!("{DEPLOYMENTS}/none"), &json!({}))
            .await
            .code,
        404
    );
}

#[tokio::test]
async fn patches_of_many_at_once_are_all_kept() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{CONFIG_MAPS}/a");
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let mut writers = tokio::task::JoinSet::new();
    for number in 0..6 {
        let (http, path) = (http.clone(), path.clone());
        writers.spawn(async move {
            let key = format!("k{number}");
            http.merge(&path, &json!({"data": {key: "v"}})).await.ok()
        });
    }
    writers.join_all().await;
    let data = http.get(&path).await.ok()["data"].clone();
    assert_eq!(data.as_object().unwrap().len(), 6, "{data}");
}

#[tokio::test]
async fn scale_shows_and_sets_the_count() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let path = format!("{DEPLOYMENTS}/web/scale");
    let mut scale = http.get(&path).await.ok();
    assert_eq!(scale["kind"], "Scale");
    assert_eq!(scale["spec"]["replicas"], 1);
    assert_eq!(scale["status"]["selector"], "app=web");
    scale["spec"]["replicas"] = json!(4);
    assert_eq!(http.put(&path, &scale).await.ok()["spec"]["replicas"], 4);
    assert_eq!(
        http.put(&path, &scale).await.code,
        409,
        "the version is old now"
    );
    let patched = http
        .merge(&path, &json!({"spec": {"replicas": 2}}))
        .await
        .ok();
    assert_eq!(patched["spec"]["replicas"], 2);
    let refused = http
        .merge(&path, &json!({"spec": {"replicas": -1}}))
        .await
        .refused();
    assert_eq!(refused.0, 422);
    let deployment = http.get(&format!("{DEPLOYMENTS}/web")).await.ok();
    assert_eq!(deployment["spec"]["replicas"], 2);
    assert_eq!(deployment["metadata"]["generation"], 3);
}

#[tokio::test]
async fn what_is_not_served_is_not_found_and_not_allowed() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    for path in [
        "/api/v1/nonsense",
        "/apis/none.example.com/v1",
        "/apis/apps/v1/namespaces/default/deployments/web/nonsense",
        "/api/v1/namespaces/default/nodes",
        "/nonsense",
    ] {
        let refused = http.get(path).await.refused();
        assert_eq!(
            refused,
            (
                404,
                "NotFound".into(),
                "the server could not find the requested resource".into()
            ),
            "{path}"
        );
    }
    let refused = http
        .post("/api/v1/namespaces/default/configmaps/a", &json!({}))
        .await
        .refused();
    assert_eq!(refused.0, 405);
}

#[tokio::test]
async fn a_count_that_is_no_number_scales_nothing() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let path = format!("{DEPLOYMENTS}/web/scale");
    let mut scale = http.get(&path).await.ok();
    for wrong in [json!("4"), json!(1.5), json!({})] {
        let patch = json!({"spec": {"replicas": wrong}});
        assert_eq!(http.merge(&path, &patch).await.refused().0, 400, "{wrong}");
        scale["spec"]["replicas"] = wrong;
        assert_eq!(http.put(&path, &scale).await.refused().0, 400, "{scale}");
    }
    assert_eq!(http.get(&path).await.ok()["spec"]["replicas"], 1);
}

#[tokio::test]
async fn what_is_only_read_takes_no_writes() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = "/api/v1/componentstatuses";
    let refused = http.post(path, &config_map("a")).await.refused();
    assert_eq!((refused.0, refused.1.as_str()), (405, "MethodNotAllowed"));
}

#[tokio::test]
async fn a_binding_is_held_against_its_schema() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let accounts = "/api/v1/namespaces/default/serviceaccounts";
    http.post(accounts, &config_map("default")).await.ok();
    let pods = "/api/v1/namespaces/default/pods";
    http.post(pods, &pod("web")).await.ok();
    let binding = json!({
        "metadata": {"name": "web", "annotations": {"number": 5}},
        "target": {"kind": "Node", "name": "n1"},
    });
    for path in [
        format!("{pods}/web/binding"),
        "/api/v1/namespaces/default/bindings".to_owned(),
    ] {
        assert_eq!(http.post(&path, &binding).await.refused().0, 400, "{path}");
    }
    let web = http.get(&format!("{pods}/web")).await.ok();
    assert!(web["spec"]["nodeName"].is_null(), "{web}");
}
