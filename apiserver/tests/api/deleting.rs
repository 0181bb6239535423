//! Delete, finalizers, namespaces.

use serde_json::json;

use crate::http_client::Http;
use crate::support::{
    CONFIG_MAPS, Cluster, DEPLOYMENTS, config_map, deployment, pod, service_account,
};

#[tokio::test]
async fn an_object_goes_if_it_is_the_one_that_is_meant() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{CONFIG_MAPS}/a");
    let made = http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let other = json!({"preconditions": {"uid": "other"}});
    let refused = http.delete(&path, &other).await.refused();
    assert_eq!(refused.0, 409);
    assert!(
        refused
            .2
            .contains("Precondition failed: UID in precondition: other"),
        "{}",
        refused.2
    );
    let gone = http.delete(&path, &json!({})).await.ok();
    assert_eq!(gone["status"], "Success");
    assert_eq!(gone["details"]["uid"], made["metadata"]["uid"]);
    assert_eq!(http.delete(&path, &json!({})).await.code, 404);
}

#[tokio::test]
async fn nothing_goes_by_options_that_are_malformed() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{CONFIG_MAPS}/a");
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    for options in [
        json!([]),
        json!({"dryRun": "All"}),
        json!({"preconditions": {"uid": 5}}),
        json!({"gracePeriodSeconds": "0"}),
    ] {
        let refused = http.delete(&path, &options).await.refused();
        assert_eq!(refused.0, 400, "{options}");
        let refused = http.delete(CONFIG_MAPS, &options).await.refused();
        assert_eq!(refused.0, 400, "{options}");
    }
    http.get(&path).await.ok();
}

#[tokio::test]
async fn a_running_pod_is_given_its_grace() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let pods = "/api/v1/namespaces/default/pods";
    http.post(
        "/api/v1/namespaces/default/serviceaccounts",
        &service_account("default"),
    )
    .await
    .ok();
    http.post(pods, &pod("waiting")).await.ok();
    http.delete(&format!("{pods}/waiting"), &json!({}))
        .await
        .ok();
    assert_eq!(
        http.get(&format!("{pods}/waiting")).await.code,
        404,
        "no kubelet has it"
    );

    let path = format!("{pods}/web");
    http.post(pods, &pod("web")).await.ok();
    let binding = json!({"metadata": {"name": "web"}, "target": {"kind": "Node", "name": "n1"}});
    assert_eq!(
        http.post(&format!("{path}/binding"), &binding).await.code,
        201
    );
    let refused = http
        .post(&format!("{path}/binding"), &binding)
        .await
        .refused();
    assert_eq!(refused.0, 409);
    let marked = http.delete(&path, &json!({})).await.ok();
    assert_eq!(marked["kind"], "Pod");
    assert_eq!(marked["metadata"]["deletionGracePeriodSeconds"], 30);
    let sooner = http
        .delete(&path, &json!({"gracePeriodSeconds": 5}))
        .await
        .ok();
    assert_eq!(sooner["metadata"]["deletionGracePeriodSeconds"], 5);
    let later = http
        .delete(&path, &json!({"gracePeriodSeconds": 60}))
        .await
        .ok();
    assert_eq!(later["metadata"]["deletionGracePeriodSeconds"], 5);
    let uid = json!({"gracePeriodSeconds": 0, "preconditions": {"uid": marked["metadata"]["uid"]}});
    http.delete(&path, &uid).await.ok();
    assert_eq!(http.get(&path).await.code, 404);
}

#[tokio::test]
async fn finalizers_keep_an_object_until_the_last_is_gone() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let path = format!("{DEPLOYMENTS}/web");
    http.post(DEPLOYMENTS, &deployment("web")).await.ok();
    let marked = http
        .delete(&path, &json!({"propagationPolicy": "Foreground"}))
        .await
        .ok();
    assert_eq!(
        marked["metadata"]["finalizers"],
        json!(["foregroundDeletion"])
    );
    assert!(marked["metadata"]["deletionTimestamp"].is_string());
    let added = json!({"metadata": {"finalizers": ["foregroundDeletion", "example.com/late"]}});
    let refused = http.merge(&path, &added).await.refused();
    assert_eq!(refused.0, 422, "{}", refused.2);
    http.merge(&path, &json!({"metadata": {"finalizers": null}}))
        .await
        .ok();
    assert_eq!(http.get(&path).await.code, 404);
}

#[tokio::test]
async fn a_collection_goes_by_selector() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    for (name, tier) in [("a", "x"), ("b", "y"), ("c", "x")] {
        let mut object = config_map(name);
        object["metadata"]["labels"] = json!({"tier": tier});
        http.post(CONFIG_MAPS, &object).await.ok();
    }
    let gone = http
        .delete(&format!("{CONFIG_MAPS}?labelSelector=tier%3Dx"), &json!({}))
        .await
        .ok();
    assert_eq!(gone["items"].as_array().unwrap().len(), 2);
    let left = http.get(CONFIG_MAPS).await.ok();
    assert_eq!(left["items"][0]["metadata"]["name"], "b");
    assert_eq!(left["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn no_delete_reaches_further_than_a_namespace() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(CONFIG_MAPS, &config_map("a")).await.ok();
    let namespace = json!({"metadata": {"name": "another"}});
    http.post("/api/v1/namespaces", &namespace).await.ok();
    for path in ["/api/v1/configmaps", "/api/v1/namespaces"] {
        let refused = http.delete(path, &json!({})).await.refused();
        assert_eq!((refused.0, refused.1.as_str()), (405, "MethodNotAllowed"));
    }
    http.get(&format!("{CONFIG_MAPS}/a")).await.ok();
    http.get("/api/v1/namespaces/another").await.ok();
}

#[tokio::test]
async fn a_namespace_ends_in_two_steps() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let namespaces = "/api/v1/namespaces";
    let made = http
        .post(namespaces, &json!({"metadata": {"name": "a"}}))
        .await
        .ok();
    assert_eq!(made["status"]["phase"], "Active");
    assert_eq!(made["spec"]["finalizers"], json!(["kubernetes"]));
    let inside = format!("{namespaces}/a/configmaps");
    http.post(&inside, &config_map("old")).await.ok();
    let path = format!("{namespaces}/a");
    let mut marked = http.delete(&path, &json!({})).await.ok();
    assert_eq!(marked["status"]["phase"], "Terminating");
    let refused = http.post(&inside, &config_map("new")).await.refused();
    assert_eq!(
        refused,
        (403, "Forbidden".into(), "configmaps \"new\" is forbidden: unable to create new content in namespace a because it is being terminated".into())
    );
    marked["spec"]["finalizers"] = json!([]);
    http.put(&format!("{path}/finalize"), &marked).await.ok();
    assert_eq!(http.get(&path).await.code, 404);

    let refused = http
        .delete(&format!("{namespaces}/default"), &json!({}))
        .await
        .refused();
    assert_eq!(
        refused.2,
        "namespaces \"default\" is forbidden: this namespace may not be deleted"
    );
}
