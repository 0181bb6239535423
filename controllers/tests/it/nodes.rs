//! Nodes come, fall silent and go.

use std::time::Duration;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{Api, DeleteParams, PostParams};
use serde_json::{Value, json};
use skiff_client::ObjectKey;

use crate::cluster::{Cluster, NODE};

fn node(name: &str) -> Node {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

fn ready() -> Value {
    json!({"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "KubeletReady",
        "lastHeartbeatTime": jiff::Timestamp::now().to_string()}]}})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_node_gets_addresses_of_its_own() {
    let cluster = Cluster::start().await;
    let nodes = cluster.watch::<Node>();
    let api: Api<Node> = Api::all(cluster.client.clone());
    for name in ["n1", "n2", "n3"] {
        api.create(&PostParams::default(), &node(name))
            .await
            .unwrap();
    }
    let parts = || {
        let mut parts: Vec<_> = nodes
            .list()
            .iter()
            .filter_map(|node| node.spec.as_ref()?.pod_cidr.clone())
            .collect();
        parts.sort();
        (parts.len() == 3).then_some(parts)
    };
    let parts = cluster.until("all have addresses", parts).await;
    assert_eq!(parts, ["10.244.0.0/24", "10.244.1.0/24", "10.244.2.0/24"]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_node_is_lost_and_its_pods_leave() {
    let cluster = Cluster::with_grace(Duration::from_secs(2)).await;
    let (nodes, pods) = (cluster.watch::<Node>(), cluster.watch::<Pod>());
    let api: Api<Node> = Api::all(cluster.client.clone());
    let say = |name: &'static str| {
        let (api, patch) = (api.clone(), kube::api::Patch::Strategic(ready()));
        async move {
            api.patch_status(name, &Default::default(), &patch)
                .await
                .unwrap()
        }
    };
    for name in [NODE.0, "other"] {
        api.create(&PostParams::default(), &node(name))
            .await
            .unwrap();
        say(name).await;
    }
    // It does not tolerate lost nodes for a while, as Pods do by default, but for a second.
    let toleration = json!({"key": "node.kubernetes.io/unreachable", "operator": "Exists", "effect": "NoExecute",
        "tolerationSeconds": 1});
    cluster
        .create::<Pod>(json!({"metadata": {"name": "web"},
            "spec": {"tolerations": [toleration], "containers": [{"name": "c", "image": "a"}]}}))
        .await;
    let key = ObjectKey::new("default", "web");
    let condition = |type_: &str| {
        let conditions = pods.get(&key)?.status.clone()?.conditions?;
        conditions
            .into_iter()
            .find(|one| one.type_ == type_)
            .map(|one| one.status)
    };
    cluster
        .until("the Pod is ready", || {
            condition("Ready").filter(|status| status == "True")
        })
        .await;

    // The other node keeps talking.
    let talking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(300)).await;
            say("other").await;
        }
    };
    let watching = async {
        let reason = || {
            let conditions = nodes
                .get(&ObjectKey::cluster(NODE.0))?
                .status
                .clone()?
                .conditions?;
            let ready = conditions
                .into_iter()
                .find(|one| one.type_ == "Ready" && one.status == "Unknown")?;
            ready.message
        };
        assert_eq!(
            cluster.until("the node is lost", reason).await,
            "Kubelet stopped posting node status."
        );
        let tainted = || {
            let taints = nodes
                .get(&ObjectKey::cluster(NODE.0))?
                .spec
                .clone()?
                .taints?;
            let effects: Vec<_> = taints
                .iter()
                .map(|taint| format!("{}:{}", taint.key, taint.effect))
                .collect();
            (effects.len() == 2).then_some(effects)
        };
        assert_eq!(
            cluster.until("it is tainted", tainted).await,
            [
                "node.kubernetes.io/unreachable:NoSchedule",
                "node.kubernetes.io/unreachable:NoExecute"
            ]
        );
        cluster
            .until("the Pod is evicted", || {
                pods.get(&key).is_none().then_some(())
            })
            .await;
    };
    tokio::select! {
        () = talking => {}
        () = watching => {}
    }
    cluster
        .until_told("TaintManagerEviction: Marking for deletion Pod default/web")
        .await;
    let other = nodes.get(&ObjectKey::cluster("other")).unwrap();
    assert_eq!(other.spec.clone().unwrap().taints, None);

    // Back again, it is clean.
    say(NODE.0).await;
    let clean = || {
        let node = nodes.get(&ObjectKey::cluster(NODE.0))?;
        node.spec
            .as_ref()?
            .taints
            .as_ref()
            .is_none_or(Vec::is_empty)
            .then_some(())
    };
    cluster.until("it is clean", clean).await;
    api.delete(NODE.0, &DeleteParams::default()).await.unwrap();
    cluster.stop().await;
}
