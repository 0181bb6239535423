//! Removes images that nothing uses when the disk gets full, those first that were not used for longest
//! (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection>).
//!
//! ```text
//!   every 5 minutes: images + containers ──► Ledger ──► disk over 85 %? ──► to_remove ──► runtime
//! ```

mod ledger;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use skiff_client::EventType;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::ledger::{Ledger, excess_bytes};
use crate::pods::Context;
use crate::runtime::{Runtime, RuntimeError};

/// The kubelet's `ImageGCPeriod`.
const PERIOD: Duration = Duration::from_secs(300);

/// Looks after the images of the node until `shutdown`.
pub(crate) async fn collect<R: Runtime>(context: Arc<Context<R>>, shutdown: CancellationToken) {
    let mut ledger = Ledger::default();
    let mut ticks = interval(PERIOD);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let collecting = async {
        loop {
            ticks.tick().await;
            if let Err(error) = look(&context, &mut ledger).await {
                tracing::debug!(%error, "images were not looked at");
            }
        }
    };
    shutdown.run_until_cancelled(collecting).await;
}

async fn look<R: Runtime>(context: &Context<R>, ledger: &mut Ledger) -> Result<(), RuntimeError> {
    let runtime = &context.runtime;
    let images = runtime.list_images().await?;
    let pods = runtime.list().await?;
    let containers = pods.iter().flat_map(|pod| &pod.containers);
    let used: HashSet<&str> = containers
        .flat_map(|one| [one.image_ref.as_str(), one.image_id.as_str()])
        .collect();
    let now = Timestamp::now();
    ledger.note(&images, &used, now);
    let Some(excess) = disk_excess(&context.host.config.data_dir) else {
        return Ok(());
    };
    let mut freed = 0;
    for (id, bytes) in ledger.to_remove(excess, now) {
        match runtime.remove_image(&id).await {
            Ok(()) => freed += bytes,
            Err(error) => tracing::warn!(image = id, %error, "an image was not removed"),
        }
    }
    if freed < excess {
        tell(context, excess, freed);
    }
    Ok(())
}

fn disk_excess(dir: &Path) -> Option<u64> {
    let found = statvfs(dir).ok()?;
    let unit = found.fragment_size();
    let bytes = |blocks: u64| blocks.saturating_mul(unit);
    excess_bytes(bytes(found.blocks()), bytes(found.blocks_available()))
}

fn tell<R>(context: &Context<R>, wanted: u64, freed: u64) {
    let node = context.host.node_reference();
    let message = format!(
        "Failed to garbage collect required amount of images. Attempted to free {wanted} bytes, \
         but only found {freed} bytes eligible to free."
    );
    let recorder = &context.host.recorder;
    recorder.event(&node, EventType::Warning, "FreeDiskSpaceFailed", message);
}
