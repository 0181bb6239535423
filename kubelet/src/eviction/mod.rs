//! A node that runs short gives back what nobody uses, then evicts Pods, one at a time
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/>).
//!
//! ```text
//!   kernel ──every 10 s──► observe ──► thresholds met? ──► Pressure ──► node: conditions; admission: Pods that come
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
mod usage;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use skiff_client::{EventType, Informer};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use self::last_short::LastShort;
use self::local_storage::LocalStorage;
use self::observe::{Disks, look};
use crate::config::Config;
use crate::images::Freeing;
use crate::pods::{Context, Orders};
use crate::pressure::Pressure;
use crate::runtime::Runtime;
use crate::thresholds::{Observation, Signal, Threshold};

/// How often is looked at what is left, for nobody tells of it: the kubelet's housekeeping interval.
const PERIOD: Duration = Duration::from_secs(10);

/// After an eviction, which may have been enough.
const AGAIN: Duration = Duration::from_secs(1);

/// What is short before anything runs.
pub(crate) fn first_look(config: &Config) -> Pressure {
    let met = config.eviction_hard.met(&look(&Disks::below(config)));
    LastShort::new(Duration::ZERO).note(signals(&met), Instant::now())
}

fn signals(met: &[(Threshold, Observation)]) -> impl Iterator<Item = Signal> {
    met.iter().map(|(threshold, _)| threshold.signal)
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
        let mut told = BTreeSet::new();
        let mut disks = Disks::below(config);
        loop {
            let met = config.eviction_hard.met(&look(&disks));
            let now = last.note(signals(&met), Instant::now());
            self.pressure.send_if_modified(|known| {
                let is_new = *known != now;
                *known = now;
                is_new
            });
            self.tell(&met, &mut told);
            let has_evicted = match met.is_empty() {
                true => false,
                false => self.relieve(&disks).await,
            };
            sleep(if has_evicted { AGAIN } else { PERIOD }).await;
            if disks.imagefs == disks.nodefs {
                disks = Disks::of(config, &*self.context.runtime).await;
            }
        }
    }

    /// Tells of thresholds that are met and were not.
    fn tell(&self, met: &[(Threshold, Observation)], told: &mut BTreeSet<Signal>) {
        let node = self.context.host.node_reference();
        for signal in signals(met).filter(|signal| !told.contains(signal)) {
            let message = format!("Attempting to reclaim {}", signal.resource());
            let recorder = &self.context.host.recorder;
            recorder.event(&node, EventType::Warning, "EvictionThresholdMet", message);
        }
        *told = signals(met).collect();
    }
}
