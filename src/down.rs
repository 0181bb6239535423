//! `skiff down`: stops Pods, containerd and skiff; the data stays.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use skiff_kubelet::{Containerd, ContainerdConfig, ContainerdProcess};

use crate::data_dir::{DataDir, holder};

/// How long skiff may take to end; it takes 10 s at most to drain.
const END: Duration = Duration::from_secs(30);

/// Ends skiff if it runs, then stops what runs in containers, then containerd.
///
/// It needs nothing of skiff but the data directory, so it also cleans up after a skiff that was killed.
pub(crate) async fn down(data_dir: &Path) -> anyhow::Result<()> {
    if let Some(pid) = holder(data_dir)? {
        end(pid).await?;
    }
    // Nobody starts it again while its Pods are being stopped.
    let _held = DataDir::hold(data_dir)?;
    let config = ContainerdConfig::new(data_dir);
    let process = ContainerdProcess::start(config.clone())
        .await
        .context("start containerd to stop the Pods")?;
    let runtime = Containerd::connect(process.socket(), &config)
        .await
        .context("reach containerd")?;
    let stopped = skiff_kubelet::stop_all_pods(&runtime)
        .await
        .context("stop the Pods");
    process.stop().await;
    stopped
}

/// Asks skiff to end and waits until it has, by an event of the kernel.
async fn end(pid: Pid) -> anyhow::Result<()> {
    let process = skiff_kubelet::ProcessWatch::open(pid)
        .with_context(|| format!("watch skiff, process {pid}"))?;
    kill(pid, Signal::SIGTERM).with_context(|| format!("ask skiff, process {pid}, to end"))?;
    if tokio::time::timeout(END, process.ended()).await.is_err() {
        bail!(
            "skiff, process {pid}, did not end within {} s",
            END.as_secs()
        );
    }
    Ok(())
}
