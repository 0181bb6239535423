//! The progress that `skiff up` shows.

use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// Prints each step with the time it took.
pub(crate) struct Steps {
    started: Instant,
    started_at: Timestamp,
}

impl Steps {
    pub(crate) fn start() -> Self {
        say!("skiff {} is starting", env!("CARGO_PKG_VERSION"));
        Self {
            started: Instant::now(),
            started_at: Timestamp::now(),
        }
    }

    /// When skiff was started.
    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }

    /// Runs a step that waits.
    pub(crate) async fn step_async<T>(
        &mut self,
        name: &str,
        work: impl Future<Output = anyhow::Result<T>>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let done = work.await?;
        self.tell(name, began.elapsed());
        Ok(done)
    }

    /// Says that the cluster is ready, and how to use it.
    pub(crate) fn ready(&self, kubeconfig: &Path) {
        say!("skiff is ready in {}", shown(self.started.elapsed()));
        say!();
        say!("  export KUBECONFIG={}", kubeconfig.display());
        say!("  kubectl get nodes");
    }

    /// Says that this machine is a node of its cluster.
    pub(crate) fn joined(&self, node: &str) {
        say!("skiff is ready in {}", shown(self.started.elapsed()));
        say!();
        say!("  this machine is the node {node}");
    }

    fn tell(&self, name: &str, took: Duration) {
        say!("  {name:<14} {:>8}", shown(took));
    }
}

fn shown(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    format!("{:.2} s", time.as_secs_f64())
}
