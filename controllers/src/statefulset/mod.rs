//! StatefulSets keep Pods that have names and storage of their own
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/statefulset/>).

mod claims;
mod history;
mod identity;
mod plan;
mod reconcile;
mod spec;
mod status;

use std::sync::Arc;

use k8s_openapi::api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_openapi::api::core::v1::PersistentVolumeClaim;
use skiff_client::{Informer, Recorder, WorkQueue};

use crate::context::Context;
use crate::ownership::{Owned, wake_on_change, wake_owners};
use crate::selection::Selection;

/// StatefulSets that are reconciled at a time.
const WORKERS: usize = 5;

/// What each reconciliation uses.
struct Reconciler {
    context: Context,
    sets: Informer<StatefulSet>,
    revisions: Owned<ControllerRevision>,
    claims: Informer<PersistentVolumeClaim>,
    recorder: Recorder,
}

/// Keeps every StatefulSet's Pods, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("statefulset-controller");
    let sets: Informer<StatefulSet> = context.informers.all();
    let revisions = Owned::new(context.informers.all());
    let claims = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&sets, &queue);
    wake_owners(
        &context.pods.all,
        &sets,
        |set| set.spec.as_ref().map(|spec| Selection::of(&spec.selector)),
        &queue,
    );
    let ready = async {
        sets.ready().await;
        revisions.all.ready().await;
        claims.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        sets: sets.clone(),
        revisions: revisions.clone(),
        claims: claims.clone(),
        recorder,
    });
    let work = context.reconcile("statefulset", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
