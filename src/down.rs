//! `skiff down`: stops Pods, containerd and skiff; the data stays.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};

use crate::containerd::ContainerRuntime;
use crate::data_dir::{DataDir, holder};
use crate::up::GRACE;

/// How long skiff may take to end; it takes 10 s at most to drain.
const END: Duration = Duration::from_secs(30);

/// What becomes of the Pods.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pods {
    /// They run again when the cluster does.
    Stop,
    /// The container runtime forgets them.
    Remove,
}

/// Ends skiff if it runs, then stops what runs in containers, then containerd.
///
/// It needs nothing of skiff but the data directory, so it also cleans up after a skiff that was killed.
pub(crate) async fn down(data_dir: &Path) -> anyhow::Result<()> {
    let data_dir = std::path::absolute(data_dir)?;
    end(&data_dir, Pods::Stop).await?;
    say!(
        "Pods, containerd and skiff are stopped; the data stays in {}",
        data_dir.display()
    );
    Ok(())
}

/// [`down`], for which nobody starts the cluster again as long as the result is held.
pub(crate) async fn end(data_dir: &Path, pods: Pods) -> anyhow::Result<DataDir> {
    if let Some(pid) = holder(data_dir)? {
        kill(pid, Signal::SIGTERM).with_context(|| format!("ask skiff, process {pid}, to end"))?;
        say!("skiff, process {pid}, was asked to end");
    }
    let held = hold_when_free(data_dir).await?;
    let mut runtime = ContainerRuntime::start_again(data_dir)?;
    let ended = end_pods(&mut runtime, pods).await;
    runtime.stop().await;
    ended?;
    skiff_kubelet::release_host(data_dir)
        .await
        .context("give back the mounts and cgroups of the Pods")?;
    Ok(held)
}

async fn end_pods(runtime: &mut ContainerRuntime, pods: Pods) -> anyhow::Result<()> {
    let containerd = runtime.ready().await?;
    skiff_kubelet::stop_all_pods(&*containerd, GRACE)
        .await
        .context("stop the Pods")?;
    match pods {
        Pods::Stop => Ok(()),
        Pods::Remove => skiff_kubelet::remove_all_pods(&*containerd)
            .await
            .context("remove the Pods"),
    }
}

/// The lock tells when skiff has ended.
async fn hold_when_free(data_dir: &Path) -> anyhow::Result<DataDir> {
    let path = data_dir.to_owned();
    let waiting = tokio::task::spawn_blocking(move || DataDir::hold_when_free(&path));
    match tokio::time::timeout(END, waiting).await {
        Ok(held) => held?,
        Err(_) => bail!("skiff did not end within {} s", END.as_secs()),
    }
}
