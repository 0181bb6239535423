//! Gives back what is short.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;

use super::observe::{Disks, look};
use super::usage::{self, PodUsage};
use super::{EvictionManager, message, rank};
use crate::pods::{Cause, Eviction, object};
use crate::runtime::Runtime;
use crate::stats::Sample;
use crate::thresholds::{Observation, Resource, Threshold};

impl<R: Runtime> EvictionManager<R> {
    /// Gives back what nobody uses; if that is not enough, evicts a Pod. Says whether it did.
    pub(super) async fn relieve(&self, disks: &Disks) -> bool {
        if self.short(disks).iter().any(|(one, _)| is_of_disk(one)) {
            self.reclaim().await;
        }
        let Some((threshold, seen)) = self.short(disks).into_iter().next() else {
            return false;
        };
        let pods = self.pods.list();
        let usage = match self.usage(&threshold, &pods).await {
            Ok(usage) => usage,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the node is short, and who uses what is not known"
                );
                return false;
            }
        };
        let ranked = rank::rank(threshold.signal, &pods, &usage, disks.are_split());
        let Some(first) = ranked.first() else {
            tracing::debug!(signal = threshold.signal.name(), "no Pod can relieve it");
            return false;
        };
        self.evict(&threshold, &seen, first, &usage).await;
        true
    }

    /// Gives up what nobody uses: dead containers and images.
    async fn reclaim(&self) {
        self.orders.reclaim().await;
        self.images.free_all().await;
        if let Err(error) = self.context.runtime.collect_garbage().await {
            tracing::warn!(%error, "what nobody uses is given back later");
        }
    }

    fn short(&self, disks: &Disks) -> Vec<(Threshold, Observation)> {
        self.context.host.config.eviction_hard.met(&look(disks))
    }

    async fn usage(
        &self,
        threshold: &Threshold,
        pods: &[Arc<Pod>],
    ) -> anyhow::Result<HashMap<String, PodUsage>> {
        let runtime = &*self.context.runtime;
        if is_of_disk(threshold) {
            let paths = &self.context.host.paths;
            return Ok(usage::of_disks(runtime, paths, pods, |_| true).await?);
        }
        let samples = Sample::take(runtime).await?.containers;
        Ok(usage::of_memory(samples))
    }

    async fn evict(
        &self,
        threshold: &Threshold,
        seen: &Observation,
        pod: &Pod,
        usage: &HashMap<String, PodUsage>,
    ) {
        let uid = object::uid(pod);
        let none = PodUsage::default();
        let eviction = Eviction {
            message: message::node_low(threshold, seen, pod, usage.get(uid).unwrap_or(&none)),
            cause: Cause::Pressure,
        };
        tracing::warn!(
            pod = object::display(pod),
            signal = threshold.signal.name(),
            "evicted"
        );
        self.orders.evict(uid, eviction).await;
        if is_of_disk(threshold)
            && let Err(error) = self.context.runtime.collect_garbage().await
        {
            tracing::warn!(%error, "what the Pod wrote is given back later");
        }
    }
}

/// Whether what nobody uses can be given back.
fn is_of_disk(threshold: &Threshold) -> bool {
    matches!(
        threshold.signal.resource(),
        Resource::EphemeralStorage | Resource::Inodes
    )
}
