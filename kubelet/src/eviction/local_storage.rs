//! Pods that take more of the node's disk than they may are evicted. Only those that have limits are looked at.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use skiff_client::Informer;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

use super::observe::Disks;
use super::{limits, usage};
use crate::pods::{Cause, Context, Eviction, Orders, object};
use crate::runtime::Runtime;

/// How often is looked, as with what is left of the node.
const PERIOD: Duration = super::PERIOD;
/// Many files take long to count: that takes one part in so many of the time.
const RESTS: u32 = 50;

/// Watches over the limits of Pods.
pub(super) struct LocalStorage<R> {
    pub(super) context: Arc<Context<R>>,
    pub(super) pods: Informer<Pod>,
    pub(super) orders: Orders,
}

impl<R: Runtime> LocalStorage<R> {
    /// Watches for ever.
    pub(super) async fn watch(&self) {
        let changed = Arc::new(Notify::new());
        let wake = changed.clone();
        self.pods.on_change(move |change| {
            if is_watched(change.object()) {
                wake.notify_one();
            }
        });
        loop {
            let mut pods = self.pods.list();
            pods.retain(|pod| is_watched(pod));
            if pods.is_empty() {
                changed.notified().await;
                continue;
            }
            let begun = Instant::now();
            self.look(&pods).await;
            sleep(PERIOD.max(begun.elapsed() * RESTS)).await;
        }
    }

    async fn look(&self, pods: &[Arc<Pod>]) {
        let (runtime, host) = (&*self.context.runtime, &self.context.host);
        let measured = usage::of_disks(runtime, &host.paths, pods, limits::has_container_limits);
        let Ok(usage) = measured.await else {
            return;
        };
        let split = Disks::of(&host.config, runtime).await.are_split();
        for pod in pods {
            let uid = object::uid(pod);
            let message = usage
                .get(uid)
                .and_then(|usage| limits::passed(pod, usage, split));
            if let Some(message) = message {
                tracing::warn!(pod = object::display(pod), message, "evicted");
                let cause = Cause::Limit;
                self.orders.evict(uid, Eviction { message, cause }).await;
            }
        }
    }
}

fn is_watched(pod: &Pod) -> bool {
    limits::has_limits(pod) && !object::is_terminal(pod)
}
