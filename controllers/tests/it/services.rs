//! Endpoints and EndpointSlices follow the Pods.

use k8s_openapi::api::core::v1::{Endpoints, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use kube::api::{Patch, PatchParams};
use serde_json::json;
use skiff_client::ObjectKey;

use crate::cluster::Cluster;
use crate::workloads::deployment;

#[tokio::test(flavor = "multi_thread")]
async fn ready_pods_are_endpoints() {
    let cluster = Cluster::start().await;
    let (slices, endpoints) = (
        cluster.watch::<EndpointSlice>(),
        cluster.watch::<Endpoints>(),
    );
    let pods = cluster.watch::<Pod>();
    let ready = || {
        let slice = slices
            .list_in("default")
            .into_iter()
            .find(|slice| slice.name_any().starts_with("web-"))?;
        let all = slice.endpoints.clone().unwrap_or_default();
        let is_ready = |one: &&k8s_openapi::api::discovery::v1::Endpoint| {
            one.conditions.as_ref().unwrap().ready == Some(true)
        };
        Some((all.iter().filter(is_ready).count(), all.len()))
    };
    let addresses = || {
        let subsets = endpoints
            .get(&ObjectKey::new("default", "web"))?
            .subsets
            .clone()
            .unwrap_or_default();
        let count = |addresses: Option<usize>| addresses.unwrap_or(0);
        let first = subsets.first()?;
        Some((
            count(first.addresses.as_ref().map(Vec::len)),
            count(first.not_ready_addresses.as_ref().map(Vec::len)),
        ))
    };
    cluster
        .create::<Service>(
            json!({"metadata": {"name": "web", "labels": {"app": "web"}},
            "spec": {"selector": {"app": "web"}, "ports": [{"port": 80, "targetPort": "http"}]}}),
        )
        .await;
    cluster
        .until("there is an empty slice", || {
            ready().filter(|ready| *ready == (0, 0))
        })
        .await;
    cluster
        .create::<k8s_openapi::api::apps::v1::Deployment>(deployment("web", 3))
        .await;
    cluster
        .until("all are in the slice", || {
            ready().filter(|ready| *ready == (3, 3))
        })
        .await;
    cluster
        .until("all are in the Endpoints", || {
            addresses().filter(|seen| *seen == (3, 0))
        })
        .await;
    let slice = slices
        .list_in("default")
        .into_iter()
        .find(|slice| slice.name_any().starts_with("web-"))
        .unwrap();
    assert_eq!(slice.ports.as_ref().unwrap()[0].port, Some(8080));
    assert_eq!(slice.labels()["kubernetes.io/service-name"], "web");

    let unready =
        Patch::Strategic(json!({"status": {"conditions": [{"type": "Ready", "status": "False"}]}}));
    let name = pods.list_in("default")[0].name_any();
    cluster
        .api::<Pod>()
        .patch_status(&name, &PatchParams::default(), &unready)
        .await
        .unwrap();
    cluster
        .until("one is not ready", || {
            ready().filter(|ready| *ready == (2, 3))
        })
        .await;
    cluster
        .until("and stands apart", || {
            addresses().filter(|seen| *seen == (2, 1))
        })
        .await;

    cluster
        .api::<Service>()
        .delete("web", &Default::default())
        .await
        .unwrap();
    let none = || {
        let slice = slices
            .list_in("default")
            .iter()
            .any(|slice| slice.name_any().starts_with("web-"));
        (!slice && endpoints.get(&ObjectKey::new("default", "web")).is_none()).then_some(())
    };
    cluster.until("both go with the Service", none).await;
    assert!(
        endpoints
            .get(&ObjectKey::new("default", "kubernetes"))
            .is_some()
    );
    cluster.stop().await;
}
