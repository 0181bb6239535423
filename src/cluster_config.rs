//! What all machines of a cluster must agree on, as the ConfigMap `skiff-config` in `kube-system`.

use anyhow::Context;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Client};
use serde_json::json;

use crate::config::ClusterSettings;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "skiff-config";
const KEY: &str = "cluster.yaml";

/// Writes it down for the machines that join.
pub(crate) async fn publish(client: Client, settings: &ClusterSettings) -> anyhow::Result<()> {
    let yaml = serde_norway::to_string(settings).context("encode the settings")?;
    let wanted = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": { "name": NAME, "namespace": NAMESPACE },
        "data": { KEY: yaml },
    });
    let api: Api<ConfigMap> = Api::namespaced(client, NAMESPACE);
    let patched = api
        .patch(NAME, &PatchParams::default(), &Patch::Merge(&wanted))
        .await;
    match patched {
        Err(kube::Error::Api(refused)) if refused.code == 404 => {}
        done => return done.map(drop).context("write the cluster's settings"),
    }
    let created = api
        .create(&PostParams::default(), &serde_json::from_value(wanted)?)
        .await;
    created.map(drop).context("write the cluster's settings")
}

/// Reads it; the outer error is that of the way to the server.
pub(crate) async fn read(client: Client) -> kube::Result<anyhow::Result<ClusterSettings>> {
    let api: Api<ConfigMap> = Api::namespaced(client, NAMESPACE);
    let map = api.get(NAME).await?;
    let yaml = map.data.and_then(|mut data| data.remove(KEY));
    let parse = |yaml: String| Ok(serde_norway::from_str(&yaml)?);
    Ok(yaml
        .with_context(|| format!("{NAME} has no {KEY}"))
        .and_then(parse)
        .context("the cluster's settings"))
}
