//! Jobs and CronJobs, as users see them.

use std::sync::Arc;

use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};
use skiff_client::{Informer, ObjectKey};

use crate::cluster::{Cluster, names};

fn job(name: &str, image: &str, spec: Value) -> Value {
    let mut job = json!({"metadata": {"name": name}, "spec": {"template": {"spec": {
        "restartPolicy": "Never", "containers": [{"name": "c", "image": image}]}}}});
    for (key, value) in spec.as_object().unwrap() {
        job["spec"][key] = value.clone();
    }
    job
}

/// Waits until the Job has the condition.
async fn has(cluster: &Cluster, jobs: &Informer<Job>, name: &str, condition: &str) -> Arc<Job> {
    let key = ObjectKey::new("default", name);
    cluster
        .until(&format!("{name} is {condition}"), || {
            let job = jobs.get(&key)?;
            let conditions = job.status.as_ref()?.conditions.as_ref()?;
            let holds = conditions
                .iter()
                .any(|one| one.type_ == condition && one.status == "True");
            holds.then_some(job)
        })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_to_its_end() {
    let cluster = Cluster::start().await;
    let (jobs, pods) = (cluster.watch::<Job>(), cluster.watch::<Pod>());
    let spec = json!({"completions": 5, "parallelism": 2});
    cluster.create::<Job>(job("many", "succeeds", spec)).await;
    let done = has(&cluster, &jobs, "many", "Complete").await;
    let status = done.status.clone().unwrap();
    assert_eq!(
        (status.succeeded, status.failed, status.active),
        (Some(5), None, None)
    );
    assert!(status.completion_time >= status.start_time);
    assert_eq!(pods.list().len(), 5, "Pods that ended stay");
    assert!(pods.list().iter().all(|pod| pod.finalizers().is_empty()));
    cluster.until_told("Completed: Job completed").await;

    cluster
        .api::<Job>()
        .delete("many", &DeleteParams::background())
        .await
        .unwrap();
    cluster
        .until("its Pods go with it", || {
            pods.list().is_empty().then_some(())
        })
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_is_deleted_at_work_leaves_no_pod() {
    let cluster = Cluster::start().await;
    let pods = cluster.watch::<Pod>();
    cluster
        .create::<Job>(job("long", "runs", json!({"parallelism": 3})))
        .await;
    cluster
        .until("it is at work", || (pods.list().len() == 3).then_some(()))
        .await;
    cluster
        .api::<Job>()
        .delete("long", &DeleteParams::background())
        .await
        .unwrap();
    // Another of the same name has nothing to do with the Pods of the first.
    cluster
        .create::<Job>(job("long", "runs", json!({"parallelism": 1})))
        .await;
    cluster
        .until("the Pods of the first go", || {
            (pods.list().len() == 1).then_some(())
        })
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_says_why() {
    let cluster = Cluster::start().await;
    let (jobs, pods) = (cluster.watch::<Job>(), cluster.watch::<Pod>());
    cluster
        .create::<Job>(job("bad", "fails", json!({"backoffLimit": 0})))
        .await;
    let failed = has(&cluster, &jobs, "bad", "Failed").await;
    assert_eq!(failed.status.as_ref().unwrap().failed, Some(1));
    cluster
        .until_told("BackoffLimitExceeded: Job has reached the specified backoff limit")
        .await;

    let spec = json!({"activeDeadlineSeconds": 1});
    cluster.create::<Job>(job("slow", "runs", spec)).await;
    let failed = has(&cluster, &jobs, "slow", "Failed").await;
    let conditions = failed.status.as_ref().unwrap().conditions.clone().unwrap();
    let reasons: Vec<_> = conditions
        .iter()
        .map(|one| (&*one.type_, one.reason.as_deref()))
        .collect();
    let reason = Some("DeadlineExceeded");
    assert_eq!(reasons, [("FailureTarget", reason), ("Failed", reason)]);
    cluster
        .until("its Pod is gone", || {
            (names(&pods.list()).len() == 1).then_some(())
        })
        .await;

    cluster
        .create::<Job>(job(
            "brief",
            "succeeds",
            json!({"ttlSecondsAfterFinished": 0}),
        ))
        .await;
    cluster.until_told("Completed: Job completed").await;
    cluster
        .until("it goes when it has ended", || {
            jobs.get(&ObjectKey::new("default", "brief"))
                .is_none()
                .then_some(())
        })
        .await;
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_indexed_job_rests_and_goes_on() {
    let cluster = Cluster::start().await;
    let (jobs, pods) = (cluster.watch::<Job>(), cluster.watch::<Pod>());
    let spec = json!({"completions": 3, "parallelism": 3, "completionMode": "Indexed"});
    cluster.create::<Job>(job("parts", "runs", spec)).await;
    cluster
        .until("all indexes are at work", || {
            (pods.list().len() == 3).then_some(())
        })
        .await;
    let mut hosts: Vec<_> = pods
        .list()
        .iter()
        .map(|pod| pod.spec.as_ref().unwrap().hostname.clone().unwrap())
        .collect();
    hosts.sort();
    assert_eq!(hosts, ["parts-0", "parts-1", "parts-2"]);

    cluster
        .patch::<Job>("parts", json!({"spec": {"suspend": true}}))
        .await;
    cluster
        .until("it rests", || pods.list().is_empty().then_some(()))
        .await;
    cluster.until_told("Suspended: Job suspended").await;
    let resting = has(&cluster, &jobs, "parts", "Suspended").await;
    assert_eq!(
        resting.status.as_ref().unwrap().failed,
        None,
        "they count as neither"
    );

    cluster
        .patch::<Job>("parts", json!({"spec": {"suspend": false}}))
        .await;
    cluster.until_told("Resumed: Job resumed").await;
    cluster
        .until("it goes on", || {
            // Not before they run, or the node says so after they have ended.
            let runs = |pod: &&Arc<Pod>| {
                let phase = pod.status.as_ref().and_then(|it| it.phase.as_deref());
                phase == Some("Running")
            };
            (pods.list().iter().filter(runs).count() == 3).then_some(())
        })
        .await;
    for pod in names(&pods.list()) {
        let status = json!({"status": {"phase": "Succeeded"}});
        let params = PatchParams::default();
        cluster
            .api::<Pod>()
            .patch_status(&pod, &params, &Patch::Merge(status))
            .await
            .unwrap();
    }
    let done = has(&cluster, &jobs, "parts", "Complete").await;
    let status = done.status.clone().unwrap();
    assert_eq!(
        (status.completed_indexes.as_deref(), status.succeeded),
        (Some("0-2"), Some(3))
    );
    cluster.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cron_job_starts_jobs_and_forgets_old_ones() {
    let cluster = Cluster::start().await;
    let (cron_jobs, jobs) = (cluster.watch::<CronJob>(), cluster.watch::<Job>());
    let template = job("", "succeeds", json!({}))["spec"].clone();
    cluster
        .create::<CronJob>(json!({"metadata": {"name": "hello"}, "spec": {
            "schedule": "@every 1s", "successfulJobsHistoryLimit": 1, "concurrencyPolicy": "Forbid",
            "jobTemplate": {"metadata": {"labels": {"app": "hello"}}, "spec": template}}}))
        .await;
    let hello = cluster
        .until("a Job was started and has ended", || {
            let hello = cron_jobs.get(&ObjectKey::new("default", "hello"))?;
            hello.status.as_ref()?.last_successful_time.as_ref()?;
            Some(hello)
        })
        .await;
    assert!(hello.status.as_ref().unwrap().last_schedule_time.is_some());
    let first = jobs.list()[0].clone();
    let name = first.name_any();
    cluster
        .until_told(&format!("SuccessfulCreate: Created job {name}"))
        .await;
    cluster
        .until_told(&format!(
            "SawCompletedJob: Saw completed job: {name}, condition: Complete"
        ))
        .await;
    assert_eq!(first.labels()["app"], "hello");
    assert!(
        first
            .annotations()
            .contains_key("batch.kubernetes.io/cronjob-scheduled-timestamp")
    );
    cluster
        .api::<CronJob>()
        .delete("hello", &DeleteParams::background())
        .await
        .unwrap();
    cluster
        .until("its Jobs go with it", || {
            jobs.list().is_empty().then_some(())
        })
        .await;
    cluster.stop().await;
}
