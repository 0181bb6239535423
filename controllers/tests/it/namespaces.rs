//! Namespaces begin with what Pods need, and end with all that is in them.

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Pod, ServiceAccount};
use kube::api::{Api, DeleteParams, Patch, PatchParams, PostParams};
use serde_json::json;
use skiff_client::ObjectKey;

use crate::cluster::Cluster;
use crate::workloads::deployment;

fn namespace(name: &str) -> Namespace {
    serde_json::from_value(json!({"metadata": {"name": name}})).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_namespace_has_an_account_and_the_ca() {
    let cluster = Cluster::start().await;
    let (accounts, maps) = (
        cluster.watch::<ServiceAccount>(),
        cluster.watch::<ConfigMap>(),
    );
    let namespaces: Api<Namespace> = Api::all(cluster.client.clone());
    namespaces
        .create(&PostParams::default(), &namespace("team"))
        .await
        .unwrap();
    let account = ObjectKey::new("team", "default");
    let authority = ObjectKey::new("team", "kube-root-ca.crt");
    cluster
        .until("the account is there", || accounts.get(&account))
        .await;
    let pem = || maps.get(&authority)?.data.as_ref()?.get("ca.crt").cloned();
    assert_eq!(
        cluster.until("the certificates are there", pem).await,
        "PEM"
    );

    let tampered = Patch::Merge(json!({"data": {"ca.crt": "other"}}));
    let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "team");
    let written = api
        .patch("kube-root-ca.crt", &PatchParams::default(), &tampered)
        .await
        .unwrap();
    maps.caught_up(&written).await;
    cluster
        .until("they are put right", || pem().filter(|pem| pem == "PEM"))
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_namespace_is_emptied_first() {
    let cluster = Cluster::start().await;
    let (namespaces, pods) = (cluster.watch::<Namespace>(), cluster.watch::<Pod>());
    let api: Api<Namespace> = Api::all(cluster.client.clone());
    api.create(&PostParams::default(), &namespace("team"))
        .await
        .unwrap();
    let inside: Api<Deployment> = Api::namespaced(cluster.client.clone(), "team");
    let web = serde_json::from_value(deployment("web", 3)).unwrap();
    inside.create(&PostParams::default(), &web).await.unwrap();
    cluster
        .until("its Pods are there", || {
            (pods.list_in("team").len() == 3).then_some(())
        })
        .await;

    let maps: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), "team");
    let held = json!({"metadata": {"name": "held", "finalizers": ["example.com/mine"]}});
    maps.create(
        &PostParams::default(),
        &serde_json::from_value(held).unwrap(),
    )
    .await
    .unwrap();
    api.delete("team", &DeleteParams::default()).await.unwrap();
    let key = ObjectKey::cluster("team");
    let words = cluster
        .until("it says what holds it", || {
            let conditions = namespaces.get(&key)?.status.clone()?.conditions?;
            conditions
                .into_iter()
                .find(|one| one.type_ == "NamespaceFinalizersRemaining" && one.status == "True")?
                .message
        })
        .await;
    assert_eq!(
        words,
        "Some content in the namespace has finalizers remaining: example.com/mine in 1 resource instances"
    );
    let left: Api<Pod> = Api::namespaced(cluster.client.clone(), "team");
    assert_eq!(left.list(&Default::default()).await.unwrap().items.len(), 0);

    let free = Patch::Merge(json!({"metadata": {"finalizers": null}}));
    maps.patch("held", &PatchParams::default(), &free)
        .await
        .unwrap();
    cluster
        .until("it is gone", || {
            namespaces.get(&key).is_none().then_some(())
        })
        .await;
    assert!(
        inside
            .list(&Default::default())
            .await
            .unwrap()
            .items
            .is_empty()
    );
    cluster.stop().await;
}
