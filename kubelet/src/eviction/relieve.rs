//! Gives back what is short.

use std::collections::HashMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::Pod;
use tokio::time::Instant;

use super::observe::{Disks, look};
use super::shortage::{Due, Shortage};
use super::usage::{self, PodUsage};
use super::{EvictionManager, message, rank};
use crate::pods::{Cause, Eviction, object};
use crate::runtime::Runtime;
use crate::stats::Sample;
use crate::thresholds::{Resource, Threshold};

impl<R: Runtime> EvictionManager<R> {
    /// Gives back what nobody uses; if that is not enough, evicts a Pod. Says whether it did.
    pub(super) async fn relieve(&self, disks: &Disks, shortage: &mut Shortage<'_>) -> bool {
        let mut short = || shortage.note(&look(disks), Instant::now()).due;
        if short().iter().any(|due| is_of_disk(&due.threshold)) {
            self.reclaim().await;
        }
        let Some(due) = short().into_iter().next() else {
            return false;
        };
        let (threshold, pods) = (&due.threshold, self.pods.list());
        let usage = match self.usage(threshold, &pods).await {
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
        self.evict(&due, first, &usage).await;
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

    async fn usage(
        &self,
        threshold: &Threshold,
        pods: &[Arc<Pod>],
    ) -> anyhow::Result<HashMap<String, PodUsage>> {
        let runtime = &*self.context.runtime;
        if threshold.signal.resource() == Resource::Pids {
            return Ok(usage::of_pids(&self.context.host.cgroup_parent, pods));
        }
        if is_of_disk(threshold) {
            let paths = &self.context.host.paths;
            return Ok(usage::of_disks(runtime, paths, pods, |_| true).await?);
        }
        let samples = Sample::take(runtime).await?.containers;
        Ok(usage::of_memory(samples))
    }

    async fn evict(&self, due: &Due, pod: &Pod, usage: &HashMap<String, PodUsage>) {
        let Due {
            threshold,
            seen,
            max_grace_s,
        } = due;
        let uid = object::uid(pod);
        let none = PodUsage::default();
        let eviction = Eviction {
            message: message::node_low(threshold, seen, pod, usage.get(uid).unwrap_or(&none)),
            cause: match max_grace_s {
                Some(seconds) => Cause::SoftPressure(*seconds),
                None => Cause::Pressure,
            },
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
