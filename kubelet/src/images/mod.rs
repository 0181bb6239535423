//! Removes images that nothing uses when the disk gets full, those first that were not used for longest
//! (<https://kubernetes.io/docs/concepts/architecture/garbage-collection/#container-image-garbage-collection>).
//!
//! ```text
//!   every 5 minutes: images + containers ──► Ledger ──► disk over 85 %? ──► to_remove ──► runtime
//!   a node that runs short ─────────────────────┴──► all that nothing uses ────┘
//! ```

mod ledger;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use nix::sys::statvfs::statvfs;
use skiff_client::EventType;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use self::ledger::{Ledger, excess_bytes};
use crate::pods::Context;
use crate::runtime::{Runtime, RuntimeError};

/// The kubelet's `ImageGCPeriod`.
const PERIOD: Duration = Duration::from_secs(300);

/// Has all images removed that nothing uses. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Freeing(mpsc::Sender<oneshot::Sender<()>>);

impl Freeing {
    /// Returns when they are gone.
    pub(crate) async fn free_all(&self) {
        let (done, freed) = oneshot::channel();
        // Nobody takes it when the kubelet ends.
        let _ = self.0.send(done).await;
        let _ = freed.await;
    }
}

/// Looks after the images of a node.
pub(crate) struct Collector<R> {
    context: Arc<Context<R>>,
    ledger: Ledger,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

impl<R: Runtime> Collector<R> {
    /// A collector, and how to ask it for more than it does by itself.
    pub(crate) fn new(context: Arc<Context<R>>) -> (Self, Freeing) {
        let (sender, asked) = mpsc::channel(1);
        let collector = Self {
            context,
            ledger: Ledger::default(),
            asked,
        };
        (collector, Freeing(sender))
    }

    /// Works until `shutdown`.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = interval(PERIOD);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // All are cancel-safe.
            let done = tokio::select! {
                _ = ticks.tick() => None,
                Some(done) = self.asked.recv() => Some(done),
                () = shutdown.cancelled() => return,
            };
            let looked = shutdown
                .run_until_cancelled(self.look(done.is_some()))
                .await;
            if let Some(Err(error)) = looked {
                tracing::debug!(%error, "images were not looked at");
            }
            if let Some(done) = done {
                let _ = done.send(());
            }
        }
    }

    /// Takes in what there is, and removes what is too much, or all that nothing uses.
    async fn look(&mut self, all: bool) -> Result<(), RuntimeError> {
        let runtime = self.context.runtime.clone();
        let images = runtime.list_images().await?;
        let pods = runtime.list().await?;
        let containers = pods.iter().flat_map(|pod| &pod.containers);
        let used: HashSet<&str> = containers
            .flat_map(|one| [one.image_ref.as_str(), one.image_id.as_str()])
            .collect();
        self.ledger.note(&images, &used, Timestamp::now());
        if all {
            self.remove(u64::MAX).await;
            return Ok(());
        }
        let Some(excess) = disk_excess(&self.context.host.config.data_dir) else {
            return Ok(());
        };
        let freed = self.remove(excess).await;
        if freed < excess {
            tell(&self.context, excess, freed);
        }
        Ok(())
    }

    /// Removes images that nothing uses, of so many bytes; returns of how many it was.
    async fn remove(&self, bytes: u64) -> u64 {
        let mut freed = 0;
        for (id, bytes) in self.ledger.to_remove(bytes, Timestamp::now()) {
            match self.context.runtime.remove_image(&id).await {
                Ok(()) => freed += bytes,
                Err(error) => tracing::warn!(image = id, %error, "an image was not removed"),
            }
        }
        freed
    }
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
