//! CronJobs make a Job at each time of their schedule
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/>).
//!
//! Nothing polls: a CronJob is looked at when it or one of its Jobs changes, and at its next time.
//!
//! ```text
//!   CronJob, its Jobs ──► schedule (which time is due) ──► plan ──► reconcile: start, delete, status
//! ```

mod job;
mod plan;
mod reconcile;
mod schedule;

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use skiff_client::{Change, Informer, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::ownership::{Owned, owner_key, wake_on_change};
use reconcile::Reconciler;

/// CronJobs that are reconciled at a time.
const WORKERS: usize = 5;

/// Starts every CronJob's Jobs, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let (recorder, events) = context.recorder("cronjob-controller");
    let cron_jobs: Informer<CronJob> = context.informers.all();
    let jobs: Owned<Job> = Owned::new(context.informers.all());
    let queue = WorkQueue::new();
    wake_on_change(&cron_jobs, &queue);
    wake_on_jobs(&jobs.all, &queue);
    let ready = async {
        cron_jobs.ready().await;
        jobs.all.ready().await;
    };
    let reconciler = Arc::new(Reconciler {
        context: context.clone(),
        cron_jobs: cron_jobs.clone(),
        jobs: jobs.clone(),
        recorder,
    });
    let work = context.reconcile("cronjob", ready, queue, WORKERS, move |key| {
        let reconciler = reconciler.clone();
        async move { reconciler.reconcile(key).await }
    });
    let (worked, ()) = tokio::join!(work, events.run(context.shutdown.clone()));
    worked
}

fn wake_on_jobs(jobs: &Informer<Job>, queue: &WorkQueue<ObjectKey>) {
    let queue = queue.clone();
    jobs.on_change(move |change| {
        let before = match change {
            Change::Updated { old, .. } => owner_key::<CronJob, _>(&**old),
            _ => None,
        };
        let now = owner_key::<CronJob, _>(&**change.object());
        before.into_iter().chain(now).for_each(|key| queue.add(key));
    });
}
