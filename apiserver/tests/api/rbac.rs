//! Roles and bindings as objects, and what they give.

use std::time::Duration;

use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{CONFIG_MAPS, Cluster, Listening, config_map, pod, within};

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/roles";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/namespaces/default/rolebindings";

/// An administrator's client of a server that runs: changes of roles are taken over while it serves.
async fn serving(cluster: &Cluster) -> (Http, Listening) {
    (Http(cluster.admin()), cluster.listen().await)
}

fn user(cluster: &Cluster, name: &str) -> Http {
    Http(cluster.client(name, &["people"]))
}

fn role(name: &str, verbs: &[&str], resource: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "rules": [{"verbs": verbs, "apiGroups": [""], "resources": [resource]}],
    })
}

fn binding(name: &str, role: (&str, &str), user: &str) -> Value {
    json!({
        "metadata": {"name": name},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": role.0, "name": role.1},
        "subjects": [{"kind": "User", "name": user}],
    })
}

/// Asks until the answer has that code.
async fn until(http: &Http, path: &str, code: u16) {
    let asking = async {
        while http.get(path).await.code != code {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(asking).await;
}

#[tokio::test]
async fn a_binding_gives_rights_and_takes_them_with_it() {
    let cluster = Cluster::start().await;
    let (admin, listening) = serving(&cluster).await;
    let jane = user(&cluster, "jane");
    assert_eq!(jane.get(CONFIG_MAPS).await.code, 403);
    admin
        .post(BINDINGS, &binding("b", ("Role", "reader"), "jane"))
        .await
        .ok();
    let promised = "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group \"\" in the namespace \"default\": RBAC: role.rbac.authorization.k8s.io \"reader\" not found";
    let told = async {
        while jane.get(CONFIG_MAPS).await.refused().2 != promised {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within(told).await;
    let reader = role("reader", &["list"], "configmaps");
    admin.post(ROLES, &reader).await.ok();
    until(&jane, CONFIG_MAPS, 200).await;
    assert_eq!(jane.get("/api/v1/configmaps").await.code, 403);
    assert_eq!(
        jane.post(CONFIG_MAPS, &config_map("c")).await.refused().2,
        "configmaps is forbidden: User \"jane\" cannot create resource \"configmaps\" in API group \"\" in the namespace \"default\""
    );
    admin
        .delete(&format!("{BINDINGS}/b"), &json!({}))
        .await
        .ok();
    until(&jane, CONFIG_MAPS, 403).await;
    listening.stop().await;
}

#[tokio::test]
async fn nobody_gives_more_than_he_has() {
    let cluster = Cluster::start().await;
    let (admin, listening) = serving(&cluster).await;
    let rules = json!([
        {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]},
        {"verbs": ["*"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["rolebindings"]},
        {"verbs": ["create", "get"], "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles"]},
    ]);
    let keeper = json!({"metadata": {"name": "keeper"}, "rules": rules});
    admin.post(ROLES, &keeper).await.ok();
    let bound = binding("keeper", ("Role", "keeper"), "jane");
    admin.post(BINDINGS, &bound).await.ok();
    let jane = user(&cluster, "jane");
    until(&jane, BINDINGS, 200).await;

    jane.post(ROLES, &role("same", &["get"], "pods")).await.ok();
    let more = role("more", &["get", "delete"], "pods");
    let refused = jane.post(ROLES, &more).await.refused();
    assert_eq!(
        refused.2,
        "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"jane\" (groups=[\"people\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"pods\"], Verbs:[\"delete\"]}"
    );
    let own = binding("own", ("Role", "keeper"), "joe");
    jane.post(BINDINGS, &own).await.ok();
    let all = binding("all", ("ClusterRole", "cluster-admin"), "jane");
    let refused = jane.post(BINDINGS, &all).await.refused();
    assert!(refused.2.ends_with(
        "not currently held:\n{APIGroups:[\"*\"], Resources:[\"*\"], Verbs:[\"*\"]}\n{NonResourceURLs:[\"*\"], Verbs:[\"*\"]}"
    ), "{}", refused.2);
    let missing = binding("missing", ("Role", "nothing"), "jane");
    assert_eq!(
        jane.post(BINDINGS, &missing).await.refused().2,
        "roles.rbac.authorization.k8s.io \"nothing\" not found"
    );
    listening.stop().await;
}

#[tokio::test]
async fn every_cluster_has_the_roles_that_people_know() {
    let cluster = Cluster::start().await;
    let admin = Http(cluster.admin());
    let path = format!("{RBAC}/clusterroles/cluster-admin");
    let all = admin.get(&path).await.ok();
    assert_eq!(
        all["metadata"]["labels"],
        json!({"kubernetes.io/bootstrapping": "rbac-defaults"})
    );
    for name in [
        "admin",
        "edit",
        "view",
        "system:node",
        "system:controller:job-controller",
    ] {
        admin.get(&format!("{RBAC}/clusterroles/{name}")).await.ok();
    }
    let path = format!("{RBAC}/clusterrolebindings/system:controller:job-controller");
    let bound = admin.get(&path).await.ok();
    assert_eq!(bound["subjects"][0]["namespace"], "kube-system");
}

#[tokio::test]
async fn a_node_reads_what_its_pods_name() {
    let cluster = Cluster::start().await;
    let admin = Http(cluster.admin());
    let account = json!({"metadata": {"name": "default"}});
    admin
        .post("/api/v1/namespaces/default/serviceaccounts", &account)
        .await
        .ok();
    for name in ["mine", "other"] {
        admin.post(CONFIG_MAPS, &config_map(name)).await.ok();
    }
    let mut pod = pod("web");
    pod["spec"]["nodeName"] = "n1".into();
    pod["spec"]["volumes"] = json!([{"name": "v", "configMap": {"name": "mine"}}]);
    admin
        .post("/api/v1/namespaces/default/pods", &pod)
        .await
        .ok();
    let node = |name: &str| Http(cluster.client(&format!("system:node:{name}"), &["system:nodes"]));
    let (mine, other) = (
        format!("{CONFIG_MAPS}/mine"),
        format!("{CONFIG_MAPS}/other"),
    );
    node("n1").get(&mine).await.ok();
    assert_eq!(
        node("n1").get(&other).await.refused().2,
        "configmaps \"other\" is forbidden: User \"system:node:n1\" cannot get resource \"configmaps\" in API group \"\" in the namespace \"default\": no relationship found between node 'n1' and this object"
    );
    assert_eq!(node("n2").get(&mine).await.code, 403);
    assert_eq!(node("n1").get(CONFIG_MAPS).await.code, 403);
    let deleted = node("n2")
        .delete("/api/v1/namespaces/default/pods/web", &json!({}))
        .await;
    assert_eq!(
        deleted.refused().2,
        "pods \"web\" is forbidden: node \"n2\" can only delete pods with spec.nodeName set to itself"
    );
}
