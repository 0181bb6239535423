//! `skiff status`: whether the cluster runs, and how it is.

use std::path::Path;

use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt};

use crate::data_dir;
use crate::kubeconfig;
use crate::up::is_ready;

/// Prints what runs.
///
/// # Errors
/// If there is no cluster, if it does not run, or if its API server does not answer.
pub(crate) async fn status(data_dir: &Path) -> anyhow::Result<()> {
    let Some(pid) = data_dir::holder(data_dir)? else {
        anyhow::bail!("the cluster in {} does not run", data_dir.display());
    };
    say!("skiff       runs with process id {pid}");
    let client = skiff_client::from_kubeconfig(&kubeconfig::of(data_dir), "skiff").await?;
    let version = client.apiserver_version().await?;
    say!("API server  {}", version.git_version);
    for node in Api::<Node>::all(client.clone())
        .list(&ListParams::default())
        .await?
    {
        say!(
            "node        {} {}",
            node.name_any(),
            if is_ready(&node) { "Ready" } else { "NotReady" }
        );
    }
    let pods = Api::<Pod>::all(client).list(&ListParams::default()).await?;
    let running = pods
        .iter()
        .filter(|pod| phase(pod) == Some("Running"))
        .count();
    say!("Pods        {running} of {} running", pods.items.len());
    Ok(())
}

fn phase(pod: &Pod) -> Option<&str> {
    pod.status.as_ref()?.phase.as_deref()
}
