//! A node that runs short gives back what nobody uses, then evicts Pods, one at a time
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/>).
//!
//! ```text
//!   kernel ──every 10 s──► observe ──► Shortage: thresholds met? ──► Pressure ──► node: conditions; admission: Pods that come
//!                                            └──► relieve: images, dead containers ──► usage ──► rank ──► Orders ──► worker
//!   Pods with limits of their own ──every 10 s──► usage ──► limits ────────────────────────────────────────────┘
//! ```

mod last_short;
mod limits;
mod local_storage;
mod message;
mod observe;
mod rank;
mod relieve;
mod shortage;
mod usage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use skiff_client::{EventType, Informer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use self::last_short::LastShort;
use self::local_storage::LocalStorage;
use self::observe::{Disks, look};
use self::shortage::{Due, Shortage};
use crate::config::Config;
use crate::images::Freeing;
use crate::pods::{Context, Orders};
use crate::pressure::Pressure;
use crate::runtime::Runtime;
use crate::thresholds::Signal;

/// How often is looked at what is left, for nobody tells of it: the kubelet's housekeeping interval.
const PERIOD: Duration = Duration::from_secs(10);

/// After an eviction, which may have been enough.
const AGAIN: Duration = Duration::from_secs(1);

/// What is short before anything runs.
pub(crate) fn first_look(config: &Config) -> Pressure {
    let (seen, now) = (look(&Disks::below(config)), Instant::now());
    let found = Shortage::new(&config.eviction_hard, &config.eviction_soft).note(&seen, now);
    LastShort::new(Duration::ZERO).note(found.signals, now)
}

/// Watches over the node and over Pods with limits until `shutdown`; `pods` are those of the node.
pub(crate) async fn run<R: Runtime>(
    context: Arc<Context<R>>,
    pods: Informer<Pod>,
    orders: Orders,
    images: Freeing,
    pressure: watch::Sender<Pressure>,
    shutdown: CancellationToken,
) {
    let limits = LocalStorage {
        context: context.clone(),
        pods: pods.clone(),
        orders: orders.clone(),
    };
    let node = EvictionManager {
        context,
        pods,
        orders,
        images,
        pressure,
    };
    let watching = async { tokio::join!(node.watch(), limits.watch()) };
    shutdown.run_until_cancelled(watching).await;
}

/// Watches over what is left of the node.
struct EvictionManager<R> {
    context: Arc<Context<R>>,
    pods: Informer<Pod>,
    orders: Orders,
    images: Freeing,
    /// Who wants to know.
    pressure: watch::Sender<Pressure>,
}

impl<R: Runtime> EvictionManager<R> {
    /// Watches for ever.
    async fn watch(&self) {
        let config = &self.context.host.config;
        let mut last = LastShort::new(config.eviction_pressure_transition_period);
        let mut shortage = Shortage::new(&config.eviction_hard, &config.eviction_soft);
        let mut told = BTreeSet::new();
        let mut disks = Disks::below(config);
        loop {
            let now = Instant::now();
            let found = shortage.note(&look(&disks), now);
            let pressure = last.note(found.signals, now);
            self.pressure.send_if_modified(|known| {
                let is_new = *known != pressure;
                *known = pressure;
                is_new
            });
            self.tell(&found.due, &mut told);
            let has_evicted = match found.due.is_empty() {
                true => false,
                false => self.relieve(&disks, &mut shortage).await,
            };
            let pause = Instant::now() + if has_evicted { AGAIN } else { PERIOD };
            sleep_until(found.again_at.map_or(pause, |at| at.min(pause))).await;
            if disks.imagefs == disks.nodefs {
                disks = Disks::of(config, &*self.context.runtime).await;
            }
        }
    }

    /// Tells of thresholds for which Pods must go and had not to.
    fn tell(&self, due: &[Due], told: &mut BTreeSet<Signal>) {
        let node = self.context.host.node_reference();
        let due: BTreeSet<Signal> = due.iter().map(|due| due.threshold.signal).collect();
        for signal in due.difference(told) {
            let message = format!("Attempting to reclaim {}", signal.resource());
            let recorder = &self.context.host.recorder;
            recorder.event(&node, EventType::Warning, "EvictionThresholdMet", message);
        }
        *told = due;
    }
}
