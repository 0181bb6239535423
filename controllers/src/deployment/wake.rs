//! Which Deployments a change concerns.

use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use super::spec;
use crate::context::Context;
use crate::ownership::{owner_key, wake_on_change, wake_owners};
use crate::pods::is_terminal;
use crate::selection::Selection;

/// Adds to `queue` the Deployments that a change of them, of a ReplicaSet or of a Pod concerns.
pub(super) fn on_changes(
    context: &Context,
    deployments: &Informer<Deployment>,
    queue: &WorkQueue<ObjectKey>,
) {
    wake_on_change(deployments, queue);
    wake_owners(
        &context.replica_sets.all,
        deployments,
        |one| one.spec.as_ref().map(|spec| Selection::of(&spec.selector)),
        queue,
    );
    wake_on_ended_pods(context, deployments, queue);
}

/// Only a Deployment that waits for its old Pods to end looks at Pods.
fn wake_on_ended_pods(
    context: &Context,
    deployments: &Informer<Deployment>,
    queue: &WorkQueue<ObjectKey>,
) {
    let (queue, deployments) = (queue.clone(), deployments.clone());
    let replica_sets = context.replica_sets.all.clone();
    context.pods.all.on_change(move |change| {
        let pod = change.object();
        if !matches!(change, Change::Deleted(_)) && !is_terminal(pod) {
            return;
        }
        let replica_set = owner_key::<ReplicaSet, _>(&**pod).and_then(|key| replica_sets.get(&key));
        let owner = replica_set.and_then(|one| owner_key::<Deployment, _>(&*one));
        let recreates = |key: &ObjectKey| {
            deployments
                .get(key)
                .is_some_and(|one| !spec::is_rolling(&one))
        };
        if let Some(key) = owner.filter(recreates) {
            queue.add(key);
        }
    });
}
