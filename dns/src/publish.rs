//! The `kube-dns` Service, and the EndpointSlice that leads from it to this server and those of other machines.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use anyhow::Context;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Api, Client};
use serde_json::{Value, json};
use skiff_client::{ensure, insist};
use tokio::sync::watch;

use crate::config::Config;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";

/// Keeps the Service, its Endpoints and its slice, and lets them lead where the API servers are: each has a cluster DNS
/// beside it, and all of them write the same. Returns when nobody tells of them any more.
pub(crate) async fn keep(
    config: &Config,
    client: &Client,
    mut servers: watch::Receiver<BTreeSet<SocketAddr>>,
) {
    loop {
        let tell = || {
            let known = servers.borrow_and_update();
            let addresses: Vec<IpAddr> = known.iter().map(SocketAddr::ip).collect();
            async move {
                match addresses.is_empty() {
                    true => Ok(()),
                    false => publish(config, client, &addresses).await,
                }
            }
        };
        insist("tell where cluster DNS is served", tell).await;
        if servers.changed().await.is_err() {
            return;
        }
    }
}

/// Makes the Service, its Endpoints and its slice, or corrects them.
async fn publish(config: &Config, client: &Client, addresses: &[IpAddr]) -> anyhow::Result<()> {
    let (services, all_endpoints, slices) = (
        Api::<Service>::namespaced(client.clone(), NAMESPACE),
        Api::<Endpoints>::namespaced(client.clone(), NAMESPACE),
        Api::<EndpointSlice>::namespaced(client.clone(), NAMESPACE),
    );
    ensure(&services, &service(config))
        .await
        .context("the kube-dns Service")?;
    ensure(&all_endpoints, &endpoints(config, addresses))
        .await
        .context("the Endpoints of kube-dns")?;
    ensure(&slices, &slice(config, addresses))
        .await
        .context("the EndpointSlice of kube-dns")
}

fn metadata(labels: Value) -> Value {
    json!({ "name": NAME, "namespace": NAMESPACE, "labels": labels })
}

fn service(config: &Config) -> Value {
    let port = |name: &str, protocol: &str| json!({ "name": name, "port": 53, "protocol": protocol, "targetPort": config.listen.port() });
    json!({
        "apiVersion": "v1",
        "kind": "Service",
        // `kubectl cluster-info` lists the Services with the label of cluster services, under the name label.
        "metadata": metadata(json!({
            "k8s-app": "kube-dns",
            "kubernetes.io/cluster-service": "true",
            "kubernetes.io/name": "KubeDNS",
        })),
        // Without a selector: no Pod serves it.
        "spec": { "clusterIP": config.cluster_dns, "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")] },
    })
}

fn endpoints(config: &Config, addresses: &[IpAddr]) -> Value {
    let addresses: Vec<Value> = addresses.iter().map(|ip| json!({ "ip": ip })).collect();
    let port = |name: &str, protocol: &str| json!({ "name": name, "port": config.listen.port(), "protocol": protocol });
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": metadata(json!({ "endpointslice.kubernetes.io/skip-mirror": "true", "k8s-app": "kube-dns" })),
        "subsets": [{ "addresses": addresses, "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")] }],
    })
}

fn slice(config: &Config, addresses: &[IpAddr]) -> Value {
    let endpoint = |ip| json!({ "addresses": [ip], "conditions": { "ready": true } });
    let endpoints: Vec<Value> = addresses.iter().map(endpoint).collect();
    let port = |name: &str, protocol: &str| json!({ "name": name, "port": config.listen.port(), "protocol": protocol });
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata(json!({ crate::cluster::SERVICE_NAME: NAME, "k8s-app": "kube-dns" })),
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")],
    })
}
