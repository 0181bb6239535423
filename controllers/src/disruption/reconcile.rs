//! One budget: counts and writes.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::plan::{Seen, covers, failed, needs_scale, status};
use super::scale::Scales;
use crate::context::Context;

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) budgets: Informer<PodDisruptionBudget>,
    pub(super) scales: Scales,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(budget) = self.budgets.get(&key) else {
            return Ok(Next::Done);
        };
        let pods: Vec<Arc<Pod>> = self.context.pods.all.list_in(&key.namespace);
        let pods: Vec<Arc<Pod>> = pods
            .into_iter()
            .filter(|pod| covers(&budget, pod))
            .collect();
        let object = budget.object_ref(&());
        if pods.is_empty() && is_unseen(&budget) {
            let message = "No matching pods found";
            self.recorder.event(&object, Normal, "NoPods", message);
        }
        let now = Timestamp::now();
        let mut seen = Seen {
            pods: &pods,
            scale: 0,
            now,
        };
        let (status, again) = match needs_scale(&budget) {
            false => status(&budget, &seen),
            true => match self.scales.expected(&key.namespace, &pods).await {
                Ok(expected) => {
                    if !expected.unmanaged.is_empty() && is_unseen(&budget) {
                        let message = format!(
                            "Pods selected by this PodDisruptionBudget (selector: {:?}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set \".spec.minAvailable\" field of the PDB to an integer value.",
                            expected.unmanaged
                        );
                        self.recorder
                            .event(&object, Warning, "UnmanagedPods", message);
                    }
                    seen.scale = expected.pods;
                    status(&budget, &seen)
                }
                Err(why) => {
                    let message = format!("Failed to calculate the number of expected pods: {why}");
                    let reason = "CalculateExpectedPodCountFailed";
                    self.recorder.event(&object, Warning, reason, message);
                    (failed(&budget, &why, now), None)
                }
            },
        };
        if budget.status.as_ref() != Some(&status) {
            let updated = PodDisruptionBudget {
                status: Some(status),
                ..(*budget).clone()
            };
            let api: Api<PodDisruptionBudget> =
                Api::namespaced(self.context.client.clone(), &key.namespace);
            let written = api
                .replace_status(&budget.name_any(), &PostParams::default(), &updated)
                .await?;
            self.context.caught_up(&self.budgets, &written).await;
        }
        Ok(again.map_or(Next::Done, Next::After))
    }
}

/// Whether this state of the budget was not looked at before: users are told once.
fn is_unseen(budget: &PodDisruptionBudget) -> bool {
    let status = budget.status.as_ref();
    status.and_then(|status| status.observed_generation) != budget.metadata.generation
}
