//! The `kube-dns` Service, and the EndpointSlice that leads from it to this server.

use anyhow::Context;
use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::config::Config;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "kube-dns";

/// Makes the Service, its Endpoints and its slice, or corrects them.
pub(crate) async fn publish(config: &Config, client: &Client) -> anyhow::Result<()> {
    ensure::<Service>(client, service(config))
        .await
        .context("the kube-dns Service")?;
    ensure::<Endpoints>(client, endpoints(config))
        .await
        .context("the Endpoints of kube-dns")?;
    ensure::<EndpointSlice>(client, slice(config))
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
    if api.get_opt(NAME).await?.is_some() {
        // A write that changes nothing takes no revision.
        api.patch(NAME, &PatchParams::default(), &Patch::Merge(&wanted))
            .await?;
        return Ok(());
    }
    api.create(&PostParams::default(), &serde_json::from_value(wanted)?)
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

fn endpoints(config: &Config) -> Value {
    let port = |name: &str, protocol: &str| json!({ "name": name, "port": config.listen.port(), "protocol": protocol });
    json!({
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": metadata(json!({ "endpointslice.kubernetes.io/skip-mirror": "true", "k8s-app": "kube-dns" })),
        "subsets": [{ "addresses": [{ "ip": config.listen.ip() }], "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")] }],
    })
}

fn slice(config: &Config) -> Value {
    let port = |name: &str, protocol: &str| json!({ "name": name, "port": config.listen.port(), "protocol": protocol });
    json!({
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": metadata(json!({ crate::cluster::SERVICE_NAME: NAME, "k8s-app": "kube-dns" })),
        "addressType": "IPv4",
        "endpoints": [{ "addresses": [config.listen.ip()], "conditions": { "ready": true } }],
        "ports": [port("dns", "UDP"), port("dns-tcp", "TCP")],
    })
}
