//! DaemonSets and ReplicationControllers, as users see them.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet};
use k8s_openapi::api::core::v1::{Node, Pod, ReplicationController};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, ResourceExt};
use serde_json::{Value, json};
use skiff_client::ObjectKey;

use crate::cluster::{Cluster, names};

async fn join(cluster: &Cluster, name: &str, labels: Value) {
    let node: Node =
        serde_json::from_value(json!({"metadata": {"name": name, "labels": labels}})).unwrap();
    let nodes: Api<Node> = Api::all(cluster.client.clone());
    nodes.create(&PostParams::default(), &node).await.unwrap();
}

fn containers(image: &str) -> Value {
    json!([{"name": "c", "image": image}])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_set_is_on_every_node() {
    let cluster = Cluster::start().await;
    let (sets, pods) = (cluster.watch::<DaemonSet>(), cluster.watch::<Pod>());
    join(&cluster, "a", json!({"disk": "ssd"})).await;
    join(&cluster, "b", json!({})).await;
    cluster
        .create::<DaemonSet>(json!({"metadata": {"name": "agent"}, "spec": {
            "selector": {"matchLabels": {"app": "agent"}},
            "template": {"metadata": {"labels": {"app": "agent"}}, "spec": {"containers": containers("a")}}}}))
        .await;
    let settled = |generation: i64, count: i32| {
        let set = sets.get(&ObjectKey::new("default", "agent"))?;
        let status = set.status.clone()?;
        let complete = status.observed_generation == Some(generation)
            && status.desired_number_scheduled == count
            && status.updated_number_scheduled == Some(count)
            && status.number_available == Some(count)
            && pods.list().len() == usize::try_from(count).unwrap();
        complete.then_some(())
    };
    let nodes = || {
        let on = |pod: &Arc<Pod>| pod.spec.as_ref().unwrap().node_name.clone().unwrap();
        let mut nodes: Vec<_> = pods.list().iter().map(on).collect();
        nodes.sort();
        nodes
    };
    cluster
        .until("both nodes have a Pod", || settled(1, 2))
        .await;
    assert_eq!(nodes(), ["a", "b"]);

    join(&cluster, "c", json!({"disk": "ssd"})).await;
    cluster
        .until("a joining node gets one", || settled(1, 3))
        .await;

    let before = names(&pods.list());
    let update = json!({"spec": {"template": {"spec": {"containers": containers("b")}}}});
    cluster.patch::<DaemonSet>("agent", update).await;
    cluster.until("all are replaced", || settled(2, 3)).await;
    assert!(names(&pods.list()).iter().all(|pod| !before.contains(pod)));
    let revisions = cluster
        .api::<ControllerRevision>()
        .list(&Default::default())
        .await
        .unwrap();
    assert_eq!(revisions.items.len(), 2);

    let select = json!({"spec": {"template": {"spec": {"nodeSelector": {"disk": "ssd"}}}}});
    cluster.patch::<DaemonSet>("agent", select).await;
    cluster
        .until("only the chosen keep theirs", || settled(3, 2))
        .await;
    assert_eq!(nodes(), ["a", "c"]);
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replication_controller_keeps_its_number() {
    let cluster = Cluster::start().await;
    let (controllers, pods) = (
        cluster.watch::<ReplicationController>(),
        cluster.watch::<Pod>(),
    );
    cluster
        .create::<ReplicationController>(json!({"metadata": {"name": "web"}, "spec": {"replicas": 2,
            "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": containers("a")}}}}))
        .await;
    let ready = |count: i32| {
        let web = controllers.get(&ObjectKey::new("default", "web"))?;
        let status = web.status.clone()?;
        (status.ready_replicas == Some(count) && status.replicas == count).then_some(())
    };
    cluster.until("two are ready", || ready(2)).await;
    let victim = names(&pods.list()).remove(0);
    cluster
        .api::<Pod>()
        .delete(&victim, &DeleteParams::default())
        .await
        .unwrap();
    cluster
        .until("the deleted Pod was replaced", || {
            let now = names(&pods.list());
            (now.len() == 2 && !now.contains(&victim)).then_some(())
        })
        .await;
    let kept = names(&pods.list());
    cluster
        .api::<ReplicationController>()
        .delete(
            "web",
            &DeleteParams {
                propagation_policy: Some(kube::api::PropagationPolicy::Orphan),
                ..DeleteParams::default()
            },
        )
        .await
        .unwrap();
    cluster
        .until("its Pods are left alone", || {
            let orphans = pods
                .list()
                .iter()
                .all(|pod| pod.owner_references().is_empty());
            (controllers.list().is_empty() && orphans).then_some(())
        })
        .await;
    assert_eq!(names(&pods.list()), kept);
    cluster.stop().await;
}
