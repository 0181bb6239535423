//! What a namespace gives and allows: priorities, LimitRanges, ResourceQuotas.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::http_client::Http;
use crate::support::{Cluster, config_map, pod, service_account};

const PODS: &str = "/api/v1/namespaces/default/pods";
const ACCOUNTS: &str = "/api/v1/namespaces/default/serviceaccounts";
const CLASSES: &str = "/apis/scheduling.k8s.io/v1/priorityclasses";
const QUOTAS: &str = "/api/v1/namespaces/default/resourcequotas";
const MAPS: &str = "/api/v1/namespaces/default/configmaps";

async fn ready() -> (Cluster, Http) {
    let cluster = Cluster::start().await;
    let http = Http(cluster.admin());
    http.post(ACCOUNTS, &service_account("default")).await.ok();
    (cluster, http)
}

fn pod_asking(name: &str, resources: Value) -> Value {
    let mut pod = pod(name);
    pod["spec"]["containers"][0]["resources"] = resources;
    pod
}

fn quota(hard: Value) -> Value {
    json!({"metadata": {"name": "team"}, "spec": {"hard": hard}})
}

#[tokio::test]
async fn a_pod_gets_the_priority_of_its_class() {
    let (_cluster, http) = ready().await;
    let class = |name: &str, value: i64, default: bool| json!({"metadata": {"name": name}, "value": value, "globalDefault": default, "preemptionPolicy": "Never"});
    http.post(CLASSES, &class("high", 1000, false)).await.ok();
    let mut wanted = pod("web");
    wanted["spec"]["priorityClassName"] = json!("high");
    let made = http.post(PODS, &wanted).await.ok();
    assert_eq!(made["spec"]["priority"], 1000);
    assert_eq!(made["spec"]["preemptionPolicy"], "Never");

    let mut unknown = pod("other");
    unknown["spec"]["priorityClassName"] = json!("none");
    assert_eq!(
        http.post(PODS, &unknown).await.message(),
        "pods \"other\" is forbidden: no PriorityClass with name none was found"
    );
    let mut own = pod("own");
    own["spec"]["priority"] = json!(7);
    assert_eq!(
        http.post(PODS, &own).await.message(),
        "pods \"own\" is forbidden: the integer value of priority (7) must not be provided in pod spec; priority admission controller computed 0 from the given PriorityClass name"
    );

    http.post(CLASSES, &class("usual", 10, true)).await.ok();
    assert_eq!(
        http.post(CLASSES, &class("more", 20, true)).await.message(),
        "priorityclasses.scheduling.k8s.io \"more\" is forbidden: PriorityClass usual is already marked as globalDefault. Only one can be so marked"
    );
    let made = http.post(PODS, &pod("plain")).await.ok();
    assert_eq!(made["spec"]["priorityClassName"], "usual");
    assert_eq!(made["spec"]["priority"], 10);

    let system = http
        .delete(&format!("{CLASSES}/system-node-critical"), &json!({}))
        .await;
    assert_eq!(
        system.message(),
        "priorityclasses.scheduling.k8s.io \"system-node-critical\" is forbidden: this is a system priority class and cannot be deleted"
    );
}

#[tokio::test]
async fn a_limit_range_gives_and_takes() {
    let (_cluster, http) = ready().await;
    let range = json!({
        "metadata": {"name": "usual"},
        "spec": {"limits": [{
            "type": "Container",
            "default": {"cpu": "500m"}, "defaultRequest": {"cpu": "100m"}, "max": {"cpu": "1"},
        }]},
    });
    let ranges = "/api/v1/namespaces/default/limitranges";
    http.post(ranges, &range).await.ok();
    let made = http.post(PODS, &pod("web")).await.ok();
    assert_eq!(
        made["spec"]["containers"][0]["resources"],
        json!({"requests": {"cpu": "100m"}, "limits": {"cpu": "500m"}})
    );
    assert_eq!(
        made["metadata"]["annotations"]["kubernetes.io/limit-ranger"],
        "LimitRanger plugin set: cpu request for container nginx; cpu limit for container nginx"
    );
    assert_eq!(made["status"]["qosClass"], "Burstable");
    let greedy = pod_asking("greedy", json!({"limits": {"cpu": "2"}}));
    assert_eq!(
        http.post(PODS, &greedy).await.message(),
        "pods \"greedy\" is forbidden: maximum cpu usage per Container is 1, but limit is 2"
    );
}

#[tokio::test]
async fn a_quota_holds_and_is_given_back() {
    let (_cluster, http) = ready().await;
    http.post(MAPS, &config_map("before")).await.ok();
    let hard = json!({"pods": "1", "requests.cpu": "1", "configmaps": "2"});
    http.post(QUOTAS, &quota(hard)).await.ok();
    assert_eq!(
        http.post(PODS, &pod("silent")).await.message(),
        "pods \"silent\" is forbidden: failed quota: team: must specify requests.cpu for: nginx"
    );
    let asking = |name: &str, cpu: &str| pod_asking(name, json!({"requests": {"cpu": cpu}}));
    assert_eq!(
        http.post(PODS, &asking("greedy", "2")).await.message(),
        "pods \"greedy\" is forbidden: exceeded quota: team, requested: requests.cpu=2, used: requests.cpu=0, limited: requests.cpu=1"
    );
    http.post(PODS, &asking("web", "500m")).await.ok();
    let used = http.get(&format!("{QUOTAS}/team")).await.ok()["status"]["used"].clone();
    assert_eq!(
        used,
        json!({"pods": "1", "requests.cpu": "500m", "configmaps": "1"})
    );
    assert_eq!(
        http.post(PODS, &asking("web2", "500m")).await.message(),
        "pods \"web2\" is forbidden: exceeded quota: team, requested: pods=1, used: pods=1, limited: pods=1"
    );
    http.delete(&format!("{PODS}/web"), &json!({})).await.ok();
    http.post(PODS, &asking("web2", "1")).await.ok();
}

#[tokio::test]
async fn a_quota_counts_what_a_pod_wants_or_has_and_refuses_no_status() {
    let (_cluster, http) = ready().await;
    let hard = json!({"requests.cpu": "1"});
    http.post(QUOTAS, &quota(hard)).await.ok();
    let asking = |cpu: &str| pod_asking("web", json!({"requests": {"cpu": cpu}}));
    http.post(PODS, &asking("500m")).await.ok();
    let has = async |cpu: &str| {
        let requests = json!({"cpu": cpu});
        let status = json!({"status": {"containerStatuses": [{
            "name": "nginx", "ready": true, "restartCount": 0, "image": "", "imageID": "",
            "allocatedResources": requests, "resources": {"requests": requests},
        }]}});
        let told = http.merge(&format!("{PODS}/web/status"), &status).await;
        told.ok();
    };
    let used = async || {
        let quota = http.get(&format!("{QUOTAS}/team")).await.ok();
        quota["status"]["used"]["requests.cpu"].clone()
    };
    has("500m").await;
    let smaller = json!({"spec": asking("200m")["spec"]});
    let resize = format!("{PODS}/web/resize");
    http.merge(&resize, &smaller).await.ok();
    assert_eq!(used().await, "500m", "it has as much as before");
    has("200m").await;
    assert_eq!(used().await, "200m");
    has("2").await;
    assert_eq!(used().await, "2", "what is so is told");
    let larger = json!({"spec": asking("3")["spec"]});
    assert_eq!(
        http.merge(&resize, &larger).await.message(),
        "pods \"web\" is forbidden: exceeded quota: team, requested: requests.cpu=1, used: requests.cpu=2, limited: requests.cpu=1"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn writers_who_race_do_not_pass_a_quota_together() {
    let (_cluster, http) = ready().await;
    http.post(QUOTAS, &quota(json!({"count/configmaps": "10"})))
        .await
        .ok();
    let http = &http;
    let made = join_all((0..40).map(|number| async move {
        let answer = http.post(MAPS, &config_map(&format!("m{number}"))).await;
        (answer.code, answer.body["message"].clone())
    }))
    .await;
    let refused: Vec<_> = made.iter().filter(|(code, _)| *code == 403).collect();
    assert_eq!(made.len() - refused.len(), 10, "{made:?}");
    assert_eq!(refused.len(), 30, "nobody loses a race for good: {made:?}");
    let quota = http.get(&format!("{QUOTAS}/team")).await.ok();
    assert_eq!(quota["status"]["used"]["count/configmaps"], "10");
}

#[tokio::test]
async fn an_eviction_asks_the_budget() {
    let (_cluster, http) = ready().await;
    let budgets = "/apis/policy/v1/namespaces/default/poddisruptionbudgets";
    let budget = json!({
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}},
    });
    http.post(budgets, &budget).await.ok();
    let running = json!({"status": {
        "phase": "Running", "conditions": [{"type": "Ready", "status": "True"}],
    }});
    for name in ["a", "b", "c"] {
        let mut pod = pod(name);
        pod["spec"]["nodeName"] = json!("n1");
        http.post(PODS, &pod).await.ok();
        let status = format!("{PODS}/{name}/status");
        http.merge(&status, &running).await.ok();
    }
    let evict = async |name: &str| {
        let eviction = json!({"metadata": {"name": name}});
        http.post(&format!("{PODS}/{name}/eviction"), &eviction)
            .await
    };
    let refused = evict("a").await;
    assert_eq!(refused.code, 429);
    assert_eq!(refused.headers["retry-after"], "10");
    let cause = &refused.body["details"]["causes"][0];
    assert_eq!(cause["reason"], "DisruptionBudget");
    assert_eq!(
        cause["message"],
        "The disruption budget web is still being processed by the server."
    );

    let counted = json!({"status": {
        "observedGeneration": 1, "disruptionsAllowed": 1, "currentHealthy": 2, "desiredHealthy": 1,
    }});
    http.merge(&format!("{budgets}/web/status"), &counted)
        .await
        .ok();
    let evicted = evict("a").await;
    let told = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201});
    assert_eq!((evicted.code, evicted.body), (201, told));
    let gone = http.get(&format!("{PODS}/a")).await.ok();
    assert!(gone["metadata"]["deletionTimestamp"].is_string(), "{gone}");
    assert!(
        gone["status"]["conditions"]
            .to_string()
            .contains("EvictionByEvictionAPI")
    );
    assert_eq!(evict("a").await.code, 201, "it is going already");
    let refused = evict("b").await;
    assert_eq!(
        refused.body["details"]["causes"][0]["message"],
        "The disruption budget web needs 1 healthy pods and has 2 currently"
    );
    assert_eq!(
        refused.message(),
        "Cannot evict pod as it would violate the pod's disruption budget."
    );
}
