//! Deployments, ReplicaSets and StatefulSets, as users see them.

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, Deployment, ReplicaSet, StatefulSet};
use k8s_openapi::api::core::v1::{PersistentVolumeClaim, Pod};
use kube::ResourceExt;
use kube::api::DeleteParams;
use parking_lot::Mutex;
use serde_json::{Value, json};
use skiff_client::{Change, Informer, ObjectKey};

use crate::cluster::{Cluster, names};

/// A Deployment of Pods of the image `a`.
pub(crate) fn deployment(name: &str, replicas: i32) -> Value {
    json!({"metadata": {"name": name}, "spec": {
        "replicas": replicas,
        "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers("a")}}}})
}

fn containers(image: &str) -> Value {
    json!([{"name": "c", "image": image, "ports": [{"name": "http", "containerPort": 8080}]}])
}

/// A patch that changes the image.
fn image(image: &str) -> Value {
    json!({"spec": {"template": {"spec": {"containers": containers(image)}}}})
}

/// The Deployment `web` once its rollout is complete.
async fn rolled_out(
    cluster: &Cluster,
    deployments: &Informer<Deployment>,
    generation: i64,
) -> Arc<Deployment> {
    let key = ObjectKey::new("default", "web");
    cluster
        .until("the rollout is complete", || {
            let web = deployments.get(&key)?;
            let (status, wanted) = (web.status.as_ref()?, web.spec.as_ref()?.replicas);
            let nonzero = wanted.filter(|wanted| *wanted > 0);
            let complete = status.observed_generation == Some(generation)
                && status.updated_replicas == nonzero
                && status.replicas == nonzero
                && status.available_replicas == nonzero;
            complete.then_some(web)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deployment_rolls_out_and_back() {
    let cluster = Cluster::start().await;
    let (deployments, replica_sets) =
        (cluster.watch::<Deployment>(), cluster.watch::<ReplicaSet>());
    let pods = cluster.watch::<Pod>();
    let revision =
        |web: &Deployment| web.annotations()["deployment.kubernetes.io/revision"].clone();
    cluster.create::<Deployment>(deployment("web", 3)).await;
    let web = rolled_out(&cluster, &deployments, 1).await;
    assert_eq!(revision(&web), "1");
    let first = replica_sets.list()[0].clone();
    let hash = &first.labels()["pod-template-hash"];
    assert_eq!(first.name_any(), format!("web-{hash}"));
    assert!(
        names(&pods.list())
            .iter()
            .all(|pod| pod.starts_with(&format!("web-{hash}-")))
    );

    // Scaling keeps the ReplicaSet.
    cluster
        .patch::<Deployment>("web", json!({"spec": {"replicas": 5}}))
        .await;
    rolled_out(&cluster, &deployments, 2).await;
    assert_eq!((replica_sets.list().len(), pods.list().len()), (1, 5));

    // A new image is a new ReplicaSet; the old image returns to the old one, as a new revision.
    cluster.patch::<Deployment>("web", image("b")).await;
    let web = rolled_out(&cluster, &deployments, 3).await;
    assert_eq!(
        (revision(&web).as_str(), replica_sets.list().len()),
        ("2", 2)
    );
    cluster.patch::<Deployment>("web", image("a")).await;
    cluster
        .until("undone", || {
            replica_sets
                .get(&ObjectKey::of(&*first))
                .filter(|first| first.spec.as_ref().unwrap().replicas == Some(5))
        })
        .await;
    let web = rolled_out(&cluster, &deployments, 4).await;
    assert_eq!(
        (revision(&web).as_str(), replica_sets.list().len()),
        ("3", 2)
    );

    for (way, from, to) in [("up", 0, 3), ("up", 3, 5), ("down", 5, 4)] {
        let scaled = format!("Scaled {way} replica set web-{hash} from {from} to {to}");
        cluster
            .until_told(&format!("ScalingReplicaSet: {scaled}"))
            .await;
    }
    let pod = names(&pods.list()).remove(0);
    cluster
        .until_told(&format!("SuccessfulCreate: Created pod: {pod}"))
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_image_leaves_the_old_pods_serving() {
    let cluster = Cluster::start().await;
    let (deployments, pods) = (cluster.watch::<Deployment>(), cluster.watch::<Pod>());
    cluster.create::<Deployment>(deployment("web", 4)).await;
    rolled_out(&cluster, &deployments, 1).await;
    cluster.patch::<Deployment>("web", image("broken")).await;
    // 4 wanted, 25% more, 25% less: 3 old ones and 2 new ones.
    let counts = || {
        let count = |image: &str| {
            let of = |pod: &&Arc<Pod>| {
                pod.spec.as_ref().unwrap().containers[0].image.as_deref() == Some(image)
            };
            pods.list().iter().filter(of).count()
        };
        (count("a"), count("broken"))
    };
    cluster
        .until("the rollout stands", || (counts() == (3, 2)).then_some(()))
        .await;
    let web = cluster
        .until("the status says so", || {
            let web = deployments.get(&ObjectKey::new("default", "web"))?;
            let status = web.status.clone()?;
            (status.updated_replicas == Some(2) && status.available_replicas == Some(3))
                .then_some(status)
        })
        .await;
    assert_eq!((web.replicas, web.unavailable_replicas), (Some(5), Some(2)));
    assert_eq!(counts(), (3, 2));
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_set_keeps_adopts_and_releases_its_pods() {
    let cluster = Cluster::start().await;
    let pods = cluster.watch::<Pod>();
    let owned = |name: &str| {
        let pod = pods.get(&ObjectKey::new("default", name))?;
        Some(!pod.owner_references().is_empty())
    };
    cluster
        .create::<Pod>(
            json!({"metadata": {"name": "loner", "labels": {"app": "web"}},
            "spec": {"containers": [{"name": "c", "image": "a"}]}}),
        )
        .await;
    let mut spec = deployment("web", 2);
    spec["spec"]["selector"] = json!({"matchLabels": {"app": "web"}});
    cluster.create::<ReplicaSet>(spec).await;
    cluster
        .until("the Pod is adopted", || {
            owned("loner").filter(|owned| *owned)
        })
        .await;
    cluster
        .until("one Pod was made", || {
            (pods.list().len() == 2).then_some(())
        })
        .await;

    cluster
        .patch::<Pod>("loner", json!({"metadata": {"labels": {"app": "other"}}}))
        .await;
    cluster
        .until("the Pod is released", || {
            owned("loner").filter(|owned| !owned)
        })
        .await;
    cluster
        .until("another was made for it", || {
            (pods.list().len() == 3).then_some(())
        })
        .await;

    let victim = names(&pods.list())
        .into_iter()
        .find(|name| name != "loner")
        .unwrap();
    cluster
        .api::<Pod>()
        .delete(&victim, &DeleteParams::default())
        .await
        .unwrap();
    cluster
        .until("the deleted Pod was replaced", || {
            let now = names(&pods.list());
            (now.len() == 3 && !now.contains(&victim)).then_some(())
        })
        .await;
    cluster.stop().await;
}

fn stateful_set(replicas: i32) -> Value {
    json!({"metadata": {"name": "web"}, "spec": {
        "replicas": replicas, "serviceName": "nginx",
        "selector": {"matchLabels": {"app": "nginx"}},
        "template": {"metadata": {"labels": {"app": "nginx"}},
            "spec": {"containers": containers("a")}},
        "volumeClaimTemplates": [{"metadata": {"name": "www"}, "spec": {
            "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}}]}})
}

/// What becomes of Pods, in the order seen: made, ready, deleted.
fn diary(pods: &Informer<Pod>) -> Arc<Mutex<Vec<String>>> {
    let diary = Arc::new(Mutex::new(Vec::new()));
    let is_ready = |pod: &Pod| {
        let conditions = pod
            .status
            .as_ref()
            .and_then(|status| status.conditions.as_ref());
        conditions
            .into_iter()
            .flatten()
            .any(|one| one.type_ == "Ready" && one.status == "True")
    };
    let entries = diary.clone();
    pods.on_change(move |change| {
        let name = change.object().name_any();
        let entry = match change {
            Change::Added(_) => format!("{name} made"),
            Change::Updated { old, new } if !is_ready(old) && is_ready(new) => {
                format!("{name} ready")
            }
            Change::Updated { .. } => return,
            Change::Deleted(_) => format!("{name} gone"),
        };
        entries.lock().push(entry);
    });
    diary
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stateful_set_goes_by_order() {
    let cluster = Cluster::start().await;
    let (sets, pods) = (cluster.watch::<StatefulSet>(), cluster.watch::<Pod>());
    let claims = cluster.watch::<PersistentVolumeClaim>();
    let diary = diary(&pods);
    let settled = |generation: i64| {
        let set = sets.get(&ObjectKey::new("default", "web"))?;
        let status = set.status.clone()?;
        let wanted = set.spec.as_ref()?.replicas?;
        let complete = status.observed_generation == Some(generation)
            && status.replicas == wanted
            && status.updated_replicas == Some(wanted)
            && status.ready_replicas == Some(wanted);
        complete.then_some(status)
    };
    cluster.create::<StatefulSet>(stateful_set(3)).await;
    cluster.until("the set is up", || settled(1)).await;
    let up = [
        "web-0 made",
        "web-0 ready",
        "web-1 made",
        "web-1 ready",
        "web-2 made",
        "web-2 ready",
    ];
    assert_eq!(*diary.lock(), up);
    assert_eq!(
        names(&claims.list()),
        ["www-web-0", "www-web-1", "www-web-2"]
    );

    diary.lock().clear();
    cluster.patch::<StatefulSet>("web", image("b")).await;
    let status = cluster.until("the set is updated", || settled(2)).await;
    let rolled: Vec<String> = ["web-2", "web-1", "web-0"]
        .iter()
        .flat_map(|pod| ["gone", "made", "ready"].map(|what| format!("{pod} {what}")))
        .collect();
    assert_eq!(*diary.lock(), rolled);
    assert_eq!(status.current_revision, status.update_revision);
    let revisions = cluster
        .api::<ControllerRevision>()
        .list(&Default::default())
        .await
        .unwrap();
    assert_eq!(revisions.items.len(), 2);

    diary.lock().clear();
    cluster
        .patch::<StatefulSet>("web", json!({"spec": {"replicas": 1}}))
        .await;
    cluster.until("the set is small", || settled(3)).await;
    assert_eq!(*diary.lock(), ["web-2 gone", "web-1 gone"]);
    assert_eq!(claims.list().len(), 3, "claims outlive their Pods");

    // From now on claims go with Pods that are too many.
    let policy = json!({"whenScaled": "Delete"});
    let grown = json!({"spec": {"replicas": 2, "persistentVolumeClaimRetentionPolicy": policy}});
    cluster.patch::<StatefulSet>("web", grown).await;
    cluster.until("the set has grown", || settled(4)).await;
    cluster
        .patch::<StatefulSet>("web", json!({"spec": {"replicas": 1}}))
        .await;
    cluster
        .until("the claim goes with its Pod", || {
            (names(&claims.list()) == ["www-web-0", "www-web-2"]).then_some(())
        })
        .await;

    let pod = pods.get(&ObjectKey::new("default", "web-0")).unwrap();
    let spec = pod.spec.as_ref().unwrap();
    assert_eq!(
        (spec.hostname.as_deref(), spec.subdomain.as_deref()),
        (Some("web-0"), Some("nginx"))
    );
    for told in [
        "SuccessfulCreate: create Claim www-web-0 Pod web-0 in StatefulSet web success",
        "SuccessfulCreate: create Pod web-0 in StatefulSet web successful",
        "SuccessfulDelete: delete Pod web-2 in StatefulSet web successful",
    ] {
        cluster.until_told(told).await;
    }
    cluster.stop().await;
}
