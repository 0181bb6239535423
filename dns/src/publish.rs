//! The `kube-dns` Service, and the EndpointSlice that leads from it to this server and those of other machines.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use skiff_client::{is_already_exists, is_unavailable};
use tokio::sync::watch;

use crate::config::Config;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";

/// Before what failed is tried again; twice as long each time, up to a bound.
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Keeps the Service, its Endpoints and its slice, and lets them lead where the API servers are: each has a cluster DNS
/// beside it, and all of them write the same. Once that has succeeded, no refusal is for good: a webhook may refuse what it is
/// asked because its server was on the machine that is lost.
pub(crate) async fn keep(
    config: &Config,
    client: &Client,
    mut servers: watch::Receiver<BTreeSet<SocketAddr>>,
) -> anyhow::Result<()> {
    let mut is_published = false;
    let mut pause = PAUSE;
    loop {
        let addresses: Vec<IpAddr> = servers
            .borrow_and_update()
            .iter()
            .map(SocketAddr::ip)
            .collect();
        let written = match addresses.is_empty() {
            true => Ok(()),
            false => publish(config, client, &addresses).await,
        };
        match written {
            Err(error) if is_published || is_unavailable(&error) => {
                let error = format!("{error:#}");
                tracing::warn!(
                    error,
                    "where cluster DNS is served is not told, it is tried again"
                );
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(MAX_PAUSE);
            }
            Err(error) => return Err(error),
            Ok(()) => {
                is_published |= !addresses.is_empty();
                pause = PAUSE;
                if servers.changed().await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}

/// Makes the Service, its Endpoints and its slice, or corrects them.
async fn publish(config: &Config, client: &Client, addresses: &[IpAddr]) -> anyhow::Result<()> {
    ensure::<Service>(client, service(config))
        .await
        .context("the kube-dns Service")?;
    ensure::<Endpoints>(client, endpoints(config, addresses))
        .await
        .context("the Endpoints of kube-dns")?;
    ensure::<EndpointSlice>(client, slice(config, addresses))
        .await
        .context("the EndpointSlice of kube-dns")
}

async fn ensure<K>(client: &Client, wanted: Value) -> anyhow::Result<()>
where
    K: kube::Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + Serialize
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), NAMESPACE);
    if api.get_opt(NAME).await?.is_none() {
        let new = serde_json::from_value(wanted.clone())?;
        let made = api.create(&PostParams::default(), &new).await;
        match made.map_err(anyhow::Error::new) {
            // By another machine, a moment ago.
            Err(error) if is_already_exists(&error) => {}
            made => return made.map(drop),
        }
    }
    // A write that changes nothing takes no revision.
    api.patch(NAME, &PatchParams::default(), &Patch::Merge(&wanted))
        .await?;
    Ok(())
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
