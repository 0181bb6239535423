//! The Jobs of a CronJob.

use jiff::Timestamp;
use jiff::fmt::strtime;
use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::{CronJob, Job};
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{Resource, ResourceExt};

use crate::ownership::controller_reference;

/// The annotation of a Job that tells for which time it was made.
const SCHEDULED: &str = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/// The name of the Job of a time: the same time never starts twice.
pub(super) fn name(cron_job: &CronJob, time: Timestamp) -> String {
    format!("{}-{}", cron_job.name_any(), time.as_second() / 60)
}

/// The Job of a time.
pub(super) fn job(cron_job: &CronJob, time: Timestamp, zone: &TimeZone) -> Job {
    let template = cron_job.spec.job_template.clone();
    let meta = template.metadata.unwrap_or_default();
    let mut annotations = meta.annotations.unwrap_or_default();
    annotations.insert(SCHEDULED.to_owned(), rfc3339(time, zone));
    Job {
        metadata: ObjectMeta {
            name: Some(name(cron_job, time)),
            namespace: cron_job.namespace(),
            labels: meta.labels,
            annotations: Some(annotations),
            owner_references: Some(vec![controller_reference(cron_job)]),
            ..ObjectMeta::default()
        },
        spec: template.spec,
        status: None,
    }
}

fn rfc3339(time: Timestamp, zone: &TimeZone) -> String {
    if *zone == TimeZone::UTC {
        return time.to_string();
    }
    let local = time.to_zoned(zone.clone());
    strtime::format("%Y-%m-%dT%H:%M:%S%:z", &local).unwrap_or_else(|_| time.to_string())
}

/// How the status of a CronJob refers to a Job.
pub(super) fn reference(job: &Job) -> ObjectReference {
    job.object_ref(&())
}
