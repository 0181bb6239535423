//! Renews certificates while skiff runs.

use std::time::SystemTime;

use anyhow::bail;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::renewal::pause;

/// Calls `renew`, which says when something is due next, whenever that comes; until `shutdown`.
///
/// What fails is told in the log and tried again: a certificate is renewed long before its end.
pub(crate) async fn keep_fresh<F>(
    mut due: SystemTime,
    renew: impl Fn() -> F,
    shutdown: CancellationToken,
) -> anyhow::Result<()>
where
    F: Future<Output = anyhow::Result<SystemTime>>,
{
    let mut failures = 0;
    loop {
        let now = SystemTime::now();
        // Cancel-safe: nothing is under way.
        tokio::select! {
            () = sleep(pause(due, now, failures)) => {}
            () = shutdown.cancelled() => return Ok(()),
        }
        if SystemTime::now() < due {
            continue;
        }
        // Cancel-safe: what was signed and not shown yet is signed again at the next start.
        let renewed = tokio::select! {
            renewed = renew() => renewed,
            () = shutdown.cancelled() => return Ok(()),
        };
        let ahead = |next| match next > SystemTime::now() {
            true => Ok(next),
            false => bail!("those that were signed are due at once"),
        };
        match renewed.and_then(ahead) {
            Ok(next) => {
                tracing::info!("certificates were renewed");
                (due, failures) = (next, 0);
            }
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "certificates cannot be renewed, trying again"
                );
                failures = failures.saturating_add(1);
            }
        }
    }
}
