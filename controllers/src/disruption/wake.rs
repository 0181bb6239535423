//! Which budgets a change concerns.

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::ResourceExt;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use super::plan::covers;
use crate::ownership::controller_of;
use crate::pods::{is_ready, phase};

/// A budget is looked at when it is new, or has changed in what it wants or counts.
pub(super) fn on_budgets(budgets: &Informer<PodDisruptionBudget>, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    budgets.on_change(move |change| {
        if !matches!(change, Change::Deleted(_)) {
            queue.add(ObjectKey::of(&**change.object()));
        }
    });
}

/// A Pod concerns the budgets that are about it, or were, if it has changed in what they count.
pub(super) fn on_pods(
    pods: &Informer<Pod>,
    budgets: &Informer<PodDisruptionBudget>,
    queue: &WorkQueue<ObjectKey>,
) {
    let (budgets, queue) = (budgets.clone(), queue.clone());
    pods.on_change(move |change| {
        let pod = change.object();
        let in_namespace = budgets.list_in(&pod.namespace().unwrap_or_default());
        if in_namespace.is_empty() {
            return;
        }
        let before = match change {
            Change::Updated { old, new } if counts(old) == counts(new) => return,
            Change::Updated { old, .. } => Some(old),
            _ => None,
        };
        for budget in in_namespace {
            if covers(&budget, pod) || before.is_some_and(|old| covers(&budget, old)) {
                queue.add(ObjectKey::of(&*budget));
            }
        }
    });
}

/// What of a Pod budgets look at.
fn counts(pod: &Pod) -> impl PartialEq + '_ {
    (
        is_ready(pod),
        phase(pod),
        pod.metadata.deletion_timestamp.is_some(),
        pod.metadata.labels.as_ref(),
        controller_of(pod).map(|owner| owner.uid.as_str()),
    )
}
