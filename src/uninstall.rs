//! `skiff uninstall`: nothing of the cluster stays on this machine.

use std::path::Path;

use anyhow::Context;

use crate::down::{Pods, end};
use crate::{cluster_config, kubeconfig};

/// Ends skiff, its Pods and containerd, takes what they made out of the kernel, and deletes the data directory.
///
/// # Errors
/// If something cannot be removed; then it can be tried again.
pub(crate) async fn uninstall(data_dir: &Path) -> anyhow::Result<()> {
    let data_dir = std::path::absolute(data_dir)?;
    // Held to the end: nobody starts the cluster again while it goes.
    let _held = end(&data_dir, Pods::Remove).await?;
    skiff_kubelet::remove_network(&data_dir)
        .await
        .context("remove the Pod network")?;
    if let Some(cluster) = cluster_config::recall(&data_dir)? {
        skiff_proxy::cleanup(cluster.service_cidr, &data_dir)
            .await
            .context("remove the Services")?;
    }
    kubeconfig::remove_copy(&data_dir)?;
    skiff_kubelet::unmount_below(&data_dir)
        .await
        .with_context(|| format!("unmount what is below {}", data_dir.display()))?;
    std::fs::remove_dir_all(&data_dir).with_context(|| format!("remove {}", data_dir.display()))?;
    say!("nothing of the cluster in {} is left", data_dir.display());
    Ok(())
}
