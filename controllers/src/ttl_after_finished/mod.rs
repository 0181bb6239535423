//! Jobs with `ttlSecondsAfterFinished` go when that time has passed since their end
//! (<https://kubernetes.io/docs/concepts/workloads/controllers/ttlafterfinished/>).

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::batch::v1::Job;
use kube::api::DeleteParams;
use kube::{Api, Client, ResourceExt};
use skiff_client::{Informer, Next, ObjectKey, WorkQueue};

use crate::context::Context;
use crate::job::finished_at;
use crate::ownership::{uid_of, wake_on_change};
use crate::writes::{is_gone, only};

/// Jobs that are looked at at a time.
const WORKERS: usize = 1;

/// Deletes Jobs whose time is over, until shutdown.
pub(crate) async fn run(context: Context) -> anyhow::Result<()> {
    let jobs: Informer<Job> = context.informers.all();
    let queue = WorkQueue::new();
    wake_on_change(&jobs, &queue);
    let ready = {
        let jobs = jobs.clone();
        async move { jobs.ready().await }
    };
    let client = context.client.clone();
    let reconcile = move |key| reconcile(client.clone(), jobs.clone(), key);
    context
        .reconcile("ttl-after-finished", ready, queue, WORKERS, reconcile)
        .await
}

async fn reconcile(client: Client, jobs: Informer<Job>, key: ObjectKey) -> anyhow::Result<Next> {
    let Some(job) = jobs.get(&key) else {
        return Ok(Next::Done);
    };
    match left(&job, Timestamp::now()) {
        None => Ok(Next::Done),
        Some(Duration::ZERO) => {
            let api: Api<Job> = Api::namespaced(client, &key.namespace);
            let params = DeleteParams {
                preconditions: only(uid_of(&*job)).preconditions,
                ..DeleteParams::foreground()
            };
            match api.delete(&job.name_any(), &params).await {
                Err(error) if !is_gone(&error) => Err(error.into()),
                _ => Ok(Next::Done),
            }
        }
        Some(left) => Ok(Next::After(left)),
    }
}

/// How long the Job stays; none if it stays for good, has not ended, or goes already.
fn left(job: &Job, now: Timestamp) -> Option<Duration> {
    let seconds = job.spec.as_ref()?.ttl_seconds_after_finished?;
    if job.metadata.deletion_timestamp.is_some() {
        return None;
    }
    let until = finished_at(job)?
        .checked_add(SignedDuration::from_secs(seconds.into()))
        .ok()?;
    Some(Duration::try_from(until.duration_since(now)).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_jobs_that_ended_have_little_time_left() {
        let now: Timestamp = "2026-01-01T00:01:00Z".parse().unwrap();
        let left = |ttl: Option<i32>, condition: &str| {
            let job = json!({"spec": {"ttlSecondsAfterFinished": ttl, "template": {}}, "status": {"conditions": [
                {"type": condition, "status": "True", "lastTransitionTime": "2026-01-01T00:00:50Z"}]}});
            super::left(&serde_json::from_value(job).unwrap(), now).map(|left| left.as_secs())
        };
        assert_eq!(left(None, "Complete"), None);
        assert_eq!(left(Some(30), "Suspended"), None);
        assert_eq!(left(Some(30), "Complete"), Some(20));
        assert_eq!(left(Some(5), "Failed"), Some(0));
    }
}
