//! What all machines of a cluster must agree on, as the ConfigMap `skiff-config` in `kube-system`.

use std::io::ErrorKind;
use std::path::Path;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{Api, Client};
use serde_json::json;

use crate::config::ClusterSettings;

const NAMESPACE: &str = "kube-system";
const NAME: &str = "skiff-config";
const KEY: &str = "cluster.yaml";
/// The copy in the data directory, for a machine whose API server is gone.
const FILE: &str = "cluster.yaml";

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
    skiff_client::ensure(&api, &wanted)
        .await
        .context("write the cluster's settings")
}

/// Refuses settings that the cluster's other control planes have otherwise, and that it cannot change.
pub(crate) async fn agree(client: Client, settings: &ClusterSettings) -> anyhow::Result<()> {
    let known = match read(client).await {
        Err(kube::Error::Api(refused)) if refused.code == 404 => return Ok(()),
        read => read.context("read the cluster's settings")??,
    };
    let fixed = |of: &ClusterSettings| {
        [
            ("--cluster-cidr", of.cluster_cidr.to_string()),
            ("--service-cidr", of.service_cidr.to_string()),
            ("--cluster-dns", of.cluster_dns.to_string()),
            ("--cluster-domain", of.cluster_domain.clone()),
        ]
    };
    for ((flag, wanted), (_, known)) in fixed(settings).into_iter().zip(fixed(&known)) {
        ensure!(wanted == known, "{flag} {wanted}: the cluster has {known}");
    }
    Ok(())
}

/// Keeps a copy in the data directory.
pub(crate) fn remember(data_dir: &Path, settings: &ClusterSettings) -> anyhow::Result<()> {
    let file = data_dir.join(FILE);
    let yaml = serde_norway::to_string(settings).context("encode the settings")?;
    std::fs::write(&file, yaml).with_context(|| format!("write {}", file.display()))
}

/// The copy of the last start, if there was one.
pub(crate) fn recall(data_dir: &Path) -> anyhow::Result<Option<ClusterSettings>> {
    let file = data_dir.join(FILE);
    match std::fs::read_to_string(&file) {
        Ok(yaml) => serde_norway::from_str(&yaml)
            .map(Some)
            .with_context(|| format!("read {}", file.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", file.display())),
    }
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
