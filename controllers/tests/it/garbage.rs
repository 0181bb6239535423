//! What becomes of dependents when their owner is deleted.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{ConfigMap, Pod};
use kube::ResourceExt;
use kube::api::DeleteParams;
use serde_json::json;

use crate::cluster::{Cluster, names};
use crate::workloads::deployment;

#[tokio::test(flavor = "multi_thread")]
async fn deleting_a_deployment_takes_all_with_it() {
    let cluster = Cluster::start().await;
    let (replica_sets, pods) = (cluster.watch::<ReplicaSet>(), cluster.watch::<Pod>());
    cluster.create::<Deployment>(deployment("web", 2)).await;
    cluster
        .until("its Pods are there", || {
            (pods.list().len() == 2).then_some(())
        })
        .await;
    cluster
        .api::<Deployment>()
        .delete("web", &DeleteParams::background())
        .await
        .unwrap();
    cluster
        .until("nothing is left", || {
            (pods.list().is_empty() && replica_sets.list().is_empty()).then_some(())
        })
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_foreground_the_owner_goes_last() {
    let cluster = Cluster::start().await;
    let (deployments, pods) = (cluster.watch::<Deployment>(), cluster.watch::<Pod>());
    cluster.create::<Deployment>(deployment("web", 2)).await;
    cluster
        .until("its Pods are there", || {
            (pods.list().len() == 2).then_some(())
        })
        .await;
    cluster
        .api::<Deployment>()
        .delete("web", &DeleteParams::foreground())
        .await
        .unwrap();
    cluster
        .until("it is gone", || deployments.list().is_empty().then_some(()))
        .await;
    let replica_sets = cluster
        .api::<ReplicaSet>()
        .list(&Default::default())
        .await
        .unwrap();
    let pods = cluster
        .api::<Pod>()
        .list(&Default::default())
        .await
        .unwrap();
    assert_eq!((replica_sets.items.len(), pods.items.len()), (0, 0));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_live_on() {
    let cluster = Cluster::start().await;
    let (deployments, pods) = (cluster.watch::<Deployment>(), cluster.watch::<Pod>());
    cluster.create::<Deployment>(deployment("web", 2)).await;
    cluster
        .until("its Pods are there", || {
            (pods.list().len() == 2).then_some(())
        })
        .await;
    cluster
        .api::<Deployment>()
        .delete("web", &DeleteParams::orphan())
        .await
        .unwrap();
    cluster
        .until("it is gone", || deployments.list().is_empty().then_some(()))
        .await;
    let left = cluster
        .api::<ReplicaSet>()
        .list(&Default::default())
        .await
        .unwrap()
        .items;
    assert_eq!((left.len(), left[0].owner_references().len()), (1, 0));
    let left = cluster
        .api::<Pod>()
        .list(&Default::default())
        .await
        .unwrap()
        .items;
    assert!(
        left.len() == 2
            && left
                .iter()
                .all(|pod| pod.metadata.deletion_timestamp.is_none())
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_that_never_was_owns_nothing() {
    let cluster = Cluster::start().await;
    let maps = cluster.watch::<ConfigMap>();
    let map = |name: &str, owners: serde_json::Value| json!({"metadata": {"name": name, "ownerReferences": owners}});
    let real = cluster.create::<ConfigMap>(map("owner", json!([]))).await;
    let reference = |name: &str, uid: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid});
    let (there, absent) = (
        reference("owner", &real.uid().unwrap()),
        reference("never", "no-such-uid"),
    );
    cluster
        .create::<ConfigMap>(map("lost", json!([absent])))
        .await;
    cluster
        .create::<ConfigMap>(map("shared", json!([there, absent])))
        .await;
    cluster
        .until("the one goes, the other keeps its real owner", || {
            let left = names(&maps.list());
            let shared = maps
                .list()
                .into_iter()
                .find(|map| map.name_any() == "shared")?;
            (!left.contains(&"lost".to_owned()) && shared.owner_references().len() == 1)
                .then_some(())
        })
        .await;
    cluster.stop().await;
}
