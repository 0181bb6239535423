//! What is added to new Pods and claims.

use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{Cluster, pod, service_account};

const PODS: &str = "/api/v1/namespaces/default/pods";
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";

#[tokio::test]
async fn a_pod_gets_account_token_tolerations_and_priority() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(ACCOUNTS, &service_account("default")).await.ok();
    let made = http.post(PODS, &pod("web")).await.ok();
    let spec = &made["spec"];
    assert_eq!(spec["serviceAccountName"], "default");
    assert_eq!(spec["priority"], 0);
    assert_eq!(spec["preemptionPolicy"], "PreemptLowerPriority");
    let keys = spec["tolerations"].as_array().unwrap().iter();
    let keys: Vec<&str> = keys.map(|it| it["key"].as_str().unwrap()).collect();
    assert_eq!(
        keys,
        [
            "node.kubernetes.io/not-ready",
            "node.kubernetes.io/unreachable"
        ]
    );
    let volume = &spec["volumes"][0];
    let mount = &spec["containers"][0]["volumeMounts"][0];
    assert!(
        volume["name"]
            .as_str()
            .unwrap()
            .starts_with("kube-api-access-")
    );
    assert_eq!(mount["name"], volume["name"]);
    assert_eq!(
        mount["mountPath"],
        "/var/run/secrets/kubernetes.io/serviceaccount"
    );
    let sources = volume["projected"]["sources"].as_array().unwrap();
    assert_eq!(sources[0]["serviceAccountToken"]["expirationSeconds"], 3607);
    assert_eq!(sources[1]["configMap"]["name"], "kube-root-ca.crt");
    assert_eq!(made["status"]["phase"], "Pending");
    assert!(!made.to_string().contains("null"), "{made}");
}

#[tokio::test]
async fn a_pod_waits_a_moment_for_the_default_account_and_for_no_other() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let web = pod("web");
    let (made, _) = tokio::join!(http.post(PODS, &web), async {
        http.post(ACCOUNTS, &service_account("default")).await.ok()
    });
    made.ok();
    let mut other = pod("other");
    other["spec"]["serviceAccountName"] = json!("none");
    assert_eq!(
        http.post(PODS, &other).await.message(),
        "pods \"other\" is forbidden: error looking up service account default/none: serviceaccount \"none\" not found"
    );
}

#[tokio::test]
async fn a_pod_can_do_without_a_token() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(ACCOUNTS, &service_account("default")).await.ok();
    let mut wanted = pod("web");
    wanted["spec"]["automountServiceAccountToken"] = json!(false);
    let made = http.post(PODS, &wanted).await.ok();
    assert_eq!(made["spec"]["volumes"], Value::Null);
}

#[tokio::test]
async fn a_claim_gets_the_default_class() {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    let claims = "/api/v1/namespaces/default/persistentvolumeclaims";
    let claim = |name: &str| {
        json!({
            "metadata": {"name": name},
            "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
        })
    };
    let made = http.post(claims, &claim("a")).await.ok();
    assert_eq!(made["spec"]["storageClassName"], "standard");
    let mut none = claim("b");
    none["spec"]["storageClassName"] = json!("");
    let made = http.post(claims, &none).await.ok();
    assert_eq!(made["spec"]["storageClassName"], "");
}
