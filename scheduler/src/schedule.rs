//! One Pod: reads the caches, places it, and does what follows from that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use skiff_client::ObjectKey;
use tokio::time::Instant;

use crate::bind::Binding;
use crate::cluster::Incoming;
use crate::place::place;
use crate::scheduler::{Scheduler, wants_place};

/// How long the volumes of a Pod may take to be bound before another place is looked for (kube-scheduler's
/// bindTimeoutSeconds).
const VOLUMES_DEADLINE: Duration = Duration::from_secs(600);

impl Scheduler {
    /// Places the Pod that was taken from the queue; says what is to be bound.
    pub(crate) async fn schedule(&self, key: &ObjectKey) -> Option<Binding> {
        let pod = self
            .pods
            .get(key)
            .filter(|pod| wants_place(pod, &self.name));
        let Some(pod) = pod else {
            self.queue.remove(key);
            return None;
        };
        match self.try_schedule(key, pod).await {
            Ok(binding) => binding,
            Err(error) => {
                tracing::warn!(%key, error = format!("{error:#}"), "not scheduled, trying again");
                self.queue.failed(key);
                None
            }
        }
    }

    async fn try_schedule(
        &self,
        key: &ObjectKey,
        pod: Arc<Pod>,
    ) -> anyhow::Result<Option<Binding>> {
        let volumes = self.storage.of(&pod);
        let incoming = Incoming { pod, volumes };
        if let Some((node, since)) = self.cache.node_of(key) {
            if incoming.volumes.are_bound() {
                return Ok(Some(Binding::of(&incoming.pod, node)));
            }
            let is_late = since.elapsed() >= VOLUMES_DEADLINE;
            if !is_late && !incoming.volumes.have_left(&node) {
                self.await_volumes(key, since);
                return Ok(None);
            }
            self.cache.forget(key);
        }
        let cluster = self.cache.cluster();
        let tie = self.turn.fetch_add(1, Ordering::Relaxed);
        let node = match place(&incoming, &cluster, tie) {
            Ok(node) => node,
            Err(refused) => {
                self.refuse(key, &incoming, &cluster, refused).await?;
                return Ok(None);
            }
        };
        self.cache.assume(incoming.pod.clone(), &node);
        if incoming.volumes.are_bound() {
            return Ok(Some(Binding::of(&incoming.pod, node)));
        }
        if let Err(error) = self.choose_volumes(&incoming, &cluster, &node).await {
            self.cache.forget(key);
            return Err(error);
        }
        self.await_volumes(key, Instant::now());
        Ok(None)
    }

    /// The Pod comes again when something happens to claims, or when it is late.
    fn await_volumes(&self, key: &ObjectKey, since: Instant) {
        let by = BTreeSet::from(["VolumeBinding"]);
        self.queue.refused(key, by, Some(since + VOLUMES_DEADLINE));
    }
}
