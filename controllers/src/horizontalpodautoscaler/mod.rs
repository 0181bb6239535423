//! Scales workloads by what their Pods use
//! (<https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/>).
//!
//! ```text
//!   readings: what metrics say ──► metric: what each wants ──► proposal: the most ──► behavior: how fast ──► scale, status, events
//!   metrics.k8s.io, custom, external   (replicas, ratio: how many)                      ▲── memory: recent recommendations and steps
//! ```

mod behavior;
mod conditions;
mod memory;
mod metric;
mod proposal;
mod ratio;
mod readings;
mod reconcile;
mod replicas;
mod tolerance;

use std::sync::Arc;

use k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler;
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use memory::Memories;
use reconcile::Reconciler;

/// Autoscalers that are looked at at a time.
const WORKERS: usize = 5;

/// Looks at each autoscaler every 15 seconds, until shutdown; where there is none, nothing runs.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("horizontal-pod-autoscaler");
    let autoscalers: Informer<HorizontalPodAutoscaler> = context.informers.all();
    let memories = Arc::new(Memories::default());
    let queue = WorkQueue::new();
    wake(&autoscalers, &queue, &memories);
    let ready = async {
        autoscalers.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        autoscalers: autoscalers.clone(),
        memories,
        recorder,
    });
    let work = context.reconcile(
        "horizontal-pod-autoscaler",
        ready,
        queue,
        WORKERS,
        move |key| {
            let reconciler = reconciler.clone();
            async move { reconciler.reconcile(key).await }
        },
    );
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}

fn wake(
    autoscalers: &Informer<HorizontalPodAutoscaler>,
    queue: &WorkQueue<ObjectKey>,
    memories: &Arc<Memories>,
) {
    let (queue, memories) = (queue.clone(), memories.clone());
    autoscalers.on_change(move |change| {
        let key = ObjectKey::of(&**change.object());
        match change {
            Change::Updated { old, new } if old.spec == new.spec => {}
            Change::Deleted(_) => memories.forget(&key),
            _ => queue.add(key),
        }
    });
}
