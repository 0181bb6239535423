//! The signals that end skiff.

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

/// Listens from now on; the future ends at the first SIGTERM or SIGINT.
pub(crate) fn stop_asked() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("listen for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listen for SIGINT")?;
    Ok(async move {
        // Both arms are cancel-safe: a signal not taken stays pending.
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    })
}
