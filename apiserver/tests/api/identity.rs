//! Who may ask, and what.

use http::Request;
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, Listening, pod, service_account, within};

const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const PODS: &str = "/api/v1/namespaces/default/pods";

fn token_http(cluster: &Cluster, listening: &Listening, token: Option<&str>) -> Http {
    Http(cluster.token_client(listening, token))
}

#[tokio::test]
async fn strangers_may_ask_for_health_and_what_they_are_let() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let stranger = token_http(&cluster, &listening, None);
    for path in ["/livez", "/readyz?verbose", "/healthz", "/version"] {
        assert_eq!(stranger.get(path).await.code, 200, "{path}");
    }
    for path in [CONFIG_MAPS, "/api", "/metrics", "/openapi/v3", "/nonsense"] {
        let refused = stranger.get(path).await.refused();
        assert_eq!(
            refused,
            (401, "Unauthorized".into(), "Unauthorized".into()),
            "{path}"
        );
    }
    let admin = Http(cluster.admin());
    let group = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:unauthenticated"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:service-account-issuer-discovery"});
    let binding = json!({"metadata": {"name": "issuer"}, "roleRef": role, "subjects": [group]});
    let bindings = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
    admin.post(bindings, &binding).await.ok();
    within(async { while stranger.get("/openid/v1/jwks").await.code == 401 {} }).await;
    stranger.get("/openid/v1/jwks").await.ok();
    let forged = token_http(&cluster, &listening, Some("e30.e30.e30"));
    assert_eq!(forged.get("/api").await.code, 401);
    listening.stop().await;
}

#[tokio::test]
async fn a_known_user_without_rights_is_told_so() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.client("jane", &["people"]));
    http.get("/apis").await.ok();
    let refused = http.get(CONFIG_MAPS).await.refused();
    assert_eq!(
        refused,
        (403, "Forbidden".into(), "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\"".into())
    );
    let reviews = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    let question = |resource: &str| json!({"spec": {"resourceAttributes": {"verb": "list", "resource": resource}}});
    let answer = http.post(reviews, &question("configmaps")).await.ok();
    assert_eq!(answer["status"]["allowed"], false);
    let admin = Http(cluster.admin());
    let answer = admin.post(reviews, &question("configmaps")).await.ok();
    assert_eq!(answer["status"]["allowed"], true);
}

#[tokio::test]
async fn a_header_cannot_name_the_caller() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let stranger = token_http(&cluster, &listening, None);
    let request = Request::get(CONFIG_MAPS)
        .header("x-remote-user", "admin")
        .header("x-remote-group", "system:masters")
        .header("impersonate-user", "admin");
    let answer = stranger.send(request.body(Vec::new()).unwrap()).await;
    assert_eq!(answer.code, 401);
    listening.stop().await;
}

#[tokio::test]
async fn a_token_lives_with_what_it_is_bound_to() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let admin = Http(cluster.admin());
    admin.post(ACCOUNTS, &service_account("default")).await.ok();
    let pod = admin.post(PODS, &pod("web")).await.ok();
    let uid = &pod["metadata"]["uid"];
    let request = |seconds: i64| {
        let bound = json!({"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": uid});
        json!({"spec": {"expirationSeconds": seconds, "boundObjectRef": bound}})
    };
    let path = format!("{ACCOUNTS}/default/token");
    let refused = admin.post(&path, &request(5)).await.refused();
    assert_eq!(
        refused.2,
        "TokenRequest.authentication.k8s.io \"default\" is invalid: spec.expirationSeconds: Invalid value: 5: may not specify a duration less than 10 minutes"
    );
    let granted = admin.post(&path, &request(3600)).await.ok();
    let token = granted["status"]["token"].as_str().unwrap();
    let inside = token_http(&cluster, &listening, Some(token));
    inside.get("/api").await.ok();
    let refused = inside.get(CONFIG_MAPS).await.refused();
    assert!(
        refused
            .2
            .contains("User \"system:serviceaccount:default:default\" cannot list"),
        "{}",
        refused.2
    );

    let reviews = "/apis/authentication.k8s.io/v1/tokenreviews";
    let review = admin
        .post(reviews, &json!({"spec": {"token": token}}))
        .await
        .ok();
    assert_eq!(review["status"]["authenticated"], true);
    assert_eq!(
        review["status"]["user"]["extra"]["authentication.kubernetes.io/pod-name"],
        json!(["web"])
    );
    let elsewhere = json!({"spec": {"token": token, "audiences": ["elsewhere"]}});
    let review = admin.post(reviews, &elsewhere).await.ok();
    assert_eq!(review["status"]["authenticated"], false);

    admin
        .delete(&format!("{PODS}/web"), &json!({"gracePeriodSeconds": 0}))
        .await
        .ok();
    assert_eq!(inside.get("/api").await.code, 401);
    listening.stop().await;
}

#[tokio::test]
async fn the_end_of_the_server_ends_its_watches() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let admin = Http(cluster.admin());
    admin.post(ACCOUNTS, &service_account("default")).await.ok();
    let path = format!("{ACCOUNTS}/default/token");
    let granted = admin.post(&path, &json!({})).await.ok();
    let token = granted["status"]["token"].as_str().unwrap().to_owned();
    let reviewer = token_http(&cluster, &listening, Some(&token));
    let me = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let me = reviewer.post(me, &json!({})).await.ok();
    assert_eq!(
        me["status"]["userInfo"]["username"],
        "system:serviceaccount:default:default"
    );
    let node = cluster.tls_client(&listening, "system:kube-dns", "system:authenticated");
    let request = Request::get("/api/v1/services?watch=true")
        .body(Vec::new())
        .unwrap();
    let mut watch = node.request_stream(request).await.unwrap();
    let mut read = Vec::new();
    let reading = futures::AsyncReadExt::read_to_end(&mut watch, &mut read);
    let (read_all, ()) = tokio::join!(reading, listening.stop());
    read_all.unwrap();
    let first: Value =
        serde_json::from_slice(read.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    assert_eq!(first["object"]["metadata"]["name"], "kubernetes");
}

#[tokio::test]
async fn a_token_of_a_node_ends_with_the_node() {
    let cluster = Cluster::start().await;
    let listening = cluster.listen().await;
    let admin = Http(cluster.admin());
    admin.post(ACCOUNTS, &service_account("default")).await.ok();
    let nodes = "/api/v1/nodes";
    let node = json!({"metadata": {"name": "n1"}});
    admin.post(nodes, &node).await.ok();
    let path = format!("{ACCOUNTS}/default/token");
    let bound = json!({"kind": "Node", "apiVersion": "v1", "name": "n1"});
    let request = json!({"spec": {"boundObjectRef": bound}});
    let granted = admin.post(&path, &request).await.ok();
    let token = granted["status"]["token"].as_str().unwrap();
    let inside = token_http(&cluster, &listening, Some(token));
    inside.get("/api").await.ok();
    let n1 = format!("{nodes}/n1");
    admin.delete(&n1, &json!({})).await.ok();
    assert_eq!(inside.get("/api").await.code, 401);
    listening.stop().await;
}

#[tokio::test]
async fn a_malformed_token_request_is_refused() {
    let cluster = Cluster::start().await;
    let admin = Http(cluster.admin());
    admin.post(ACCOUNTS, &service_account("default")).await.ok();
    let path = format!("{ACCOUNTS}/default/token");
    for body in [
        json!([]),
        json!({"spec": "text"}),
        json!({"spec": {"audiences": "all"}}),
        json!({"spec": {"expirationSeconds": "600"}}),
    ] {
        assert_eq!(admin.post(&path, &body).await.refused().0, 400, "{body}");
    }
}

#[tokio::test]
async fn who_asks_as_another_has_the_rights_of_the_other() {
    let cluster = Cluster::start().await;
    let ask = |http: &Http, headers: &[(&str, &str)]| {
        let mut request = Request::get(CONFIG_MAPS);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (http, request) = (http.clone(), request.body(Vec::new()).unwrap());
        async move { http.send(request).await }
    };
    let (user, group) = ("impersonate-user", "impersonate-group");
    let admin = Http(cluster.admin());
    let refused = ask(&admin, &[(user, "jane")]).await.refused();
    assert_eq!(
        refused.2,
        "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\""
    );
    let as_master = [(user, "jane"), (group, "system:masters")];
    ask(&admin, &as_master).await.ok();
    let alone = ask(&admin, &[(group, "people")]).await;
    assert_eq!(alone.refused().0, 400);

    let jane = Http(cluster.client("jane", &["people"]));
    let refused = ask(&jane, &[(user, "admin")]).await.refused();
    assert_eq!(refused.0, 403);
    assert_eq!(
        refused.2,
        "users \"admin\" is forbidden: User \"jane\" cannot impersonate resource \"users\" in API group \"\" at the cluster scope"
    );
}
