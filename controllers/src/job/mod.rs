//! Jobs run Pods until enough of them have succeeded
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/job/>).
//!
//! No Pod counts twice or is forgotten, whatever is killed in between (KEP-2307): a Pod keeps a finalizer until the
//! status names it as ended, and is counted when the finalizer is gone.
//!
//! ```text
//!   Pods ──► tally (what ended, what runs) ──► verdict (failed, succeeded early) ──► plan ──► reconcile
//!                 policy, backoff                       members (make, delete), conditions
//! ```

mod backoff;
mod conditions;
mod members;
mod plan;
mod pod;
mod policy;
mod reconcile;
mod spec;
mod tally;
#[cfg(test)]
mod tests;
mod verdict;
mod wake;

use std::sync::Arc;

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use skiff_client::{Informer, WorkQueue};

use crate::context::Context;
use crate::pods::PodControl;
use reconcile::Reconciler;

pub(crate) use conditions::{finished_at, is_finished, is_true};

/// Jobs that are reconciled at a time.
const WORKERS: usize = 5;

/// Runs every Job to its end, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("job-controller");
    let jobs: Informer<Job> = context.informers.all();
    // Pods that wait to be counted, by the name of their Job: that may be gone, or another one by now.
    let tracked = context.pods.all.index(|one| {
        let name = pod::job_name(one).filter(|_| pod::is_tracked(one));
        let namespace = one.namespace().unwrap_or_default();
        name.map(|name| format!("{namespace}/{name}"))
            .into_iter()
            .collect()
    });
    let queue = WorkQueue::new();
    wake::on_changes(&context, &jobs, &queue);
    let ready = async {
        jobs.ready().await;
        context.pods.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        jobs: jobs.clone(),
        tracked,
        control: PodControl::new(context.clone(), recorder),
    });
    let work = context.reconcile("job", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}
