//! Several API servers over one store, as those of several machines are over etcd.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::api::core::v1::{ConfigMap, Endpoints};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{ListParams, PostParams};
use kube::runtime::wait::await_condition;
use kube::{Api, Client, ResourceExt};
use serde_json::{from_value, json};

use crate::support::{Cluster, config_map, within};

/// How long they may be silent.
const LEASE: Duration = Duration::from_secs(3);

fn addresses(slice: &EndpointSlice) -> Vec<String> {
    let endpoints = slice.endpoints.iter().flatten();
    endpoints.flat_map(|it| it.addresses.clone()).collect()
}

/// Waits until the `kubernetes` Service leads there.
async fn leads_to(client: &Client, expected: &[&str]) {
    let slices: Api<EndpointSlice> = Api::default_namespaced(client.clone());
    let leads = |slice: Option<&EndpointSlice>| slice.is_some_and(|it| addresses(it) == expected);
    within(await_condition(slices, "kubernetes", leads))
        .await
        .unwrap();
    let endpoints: Api<Endpoints> = Api::default_namespaced(client.clone());
    let leads = |object: Option<&Endpoints>| {
        let subsets = object.iter().flat_map(|it| it.subsets.iter().flatten());
        let addresses = subsets.flat_map(|subset| subset.addresses.iter().flatten());
        addresses
            .map(|address| address.ip.as_str())
            .eq(expected.iter().copied())
    };
    within(await_condition(endpoints, "kubernetes", leads))
        .await
        .unwrap();
}

#[tokio::test]
async fn the_kubernetes_service_leads_to_the_servers_that_live() {
    let first = Cluster::start_among("192.0.2.1", LEASE).await;
    let one = first.listen().await;
    let second = first.beside("192.0.2.2", LEASE).await;
    let two = second.listen().await;
    let third = first.beside("192.0.2.3", LEASE).await;
    let three = third.listen().await;
    let client = first.admin();
    leads_to(&client, &["192.0.2.1", "192.0.2.2", "192.0.2.3"]).await;
    let leases: Api<Lease> = Api::namespaced(client.clone(), "kube-system");
    let label = "apiserver.kubernetes.io/identity=kube-apiserver";
    let leases_of_servers = ListParams::default().labels(label);
    let known = leases.list(&leases_of_servers).await.unwrap().items;
    assert_eq!(known.len(), 3);

    // One ends and says so, another one is gone.
    three.stop().await;
    leads_to(&client, &["192.0.2.1", "192.0.2.2"]).await;
    two.kill().await;
    leads_to(&client, &["192.0.2.1"]).await;

    // Who deletes the Lease of a server that lives does not drive it away.
    let own = &leases.list(&leases_of_servers).await.unwrap().items[0];
    leases
        .delete(&own.name_any(), &Default::default())
        .await
        .unwrap();
    let is_back = |lease: Option<&Lease>| lease.is_some_and(|it| it.uid() != own.uid());
    within(await_condition(leases.clone(), &own.name_any(), is_back))
        .await
        .unwrap();
    leads_to(&client, &["192.0.2.1"]).await;
    one.stop().await;
}

#[tokio::test]
async fn what_is_written_through_one_is_seen_through_the_other() {
    let first = Cluster::start_among("192.0.2.1", LEASE).await;
    let second = first.beside("192.0.2.2", LEASE).await;
    let maps = |cluster: &Cluster| Api::<ConfigMap>::default_namespaced(cluster.admin());
    let params = PostParams::default();
    let new: ConfigMap = from_value(config_map("shared")).unwrap();
    let made = maps(&first).create(&params, &new).await.unwrap();
    let mut seen = maps(&second).get("shared").await.unwrap();
    assert_eq!(seen, made);

    seen.data = from_value(json!({"by": "the second"})).unwrap();
    maps(&second)
        .replace("shared", &params, &seen)
        .await
        .unwrap();
    // Whoever wrote last wins through either: the other's version is out of date.
    let error = maps(&first).replace("shared", &params, &made).await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("the object has been modified"), "{error}");
}
