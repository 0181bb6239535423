//! One CronJob: reads the caches, plans, applies.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use k8s_openapi::api::batch::v1::{CronJob, CronJobStatus, Job};
use kube::api::{DeleteParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use skiff_client::EventType::{self, Normal, Warning};
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::job::job;
use super::plan::{Seen, plan, started};
use crate::context::Context;
use crate::ownership::{Owned, is_controlled_by, uid_of};
use crate::writes::{exists, is_gone, namespace_is_terminating, only, words};

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) cron_jobs: Informer<CronJob>,
    pub(super) jobs: Owned<Job>,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(cron_job) = self.cron_jobs.get(&key) else {
            return Ok(Next::Done);
        };
        let jobs = self.jobs.by(uid_of(&*cron_job));
        let plan = plan(&Seen {
            cron_job: &cron_job,
            jobs: &jobs,
            now: Timestamp::now(),
        });
        for (kind, reason, message) in plan.tell {
            self.tell(&cron_job, kind, reason, message);
        }
        for job in &plan.delete {
            self.delete(&cron_job, job).await?;
        }
        let status = match plan.start {
            Some((time, zone)) => self.start(&cron_job, plan.status, time, &zone).await?,
            None => plan.status,
        };
        self.report(&cron_job, status).await?;
        Ok(plan.again.map_or(Next::Done, Next::After))
    }

    /// Makes the Job of a time; says the status with it.
    async fn start(
        &self,
        cron_job: &CronJob,
        status: CronJobStatus,
        time: Timestamp,
        zone: &TimeZone,
    ) -> kube::Result<CronJobStatus> {
        let wanted = job(cron_job, time, zone);
        let api = self.api::<Job>(cron_job);
        let made = match api.create(&PostParams::default(), &wanted).await {
            Ok(made) => made,
            // It was made before somebody was killed; what another made stays another's.
            Err(error) if exists(&error) => {
                let existing = api.get(&wanted.name_any()).await?;
                return Ok(match is_controlled_by(&existing, cron_job) {
                    true => started(status, &existing, time),
                    false => status,
                });
            }
            Err(error) if namespace_is_terminating(&error) => return Ok(status),
            Err(error) => {
                let message = format!("Error creating job: {}", words(&error));
                self.tell(cron_job, Warning, "FailedCreate", message);
                return Err(error);
            }
        };
        let message = format!("Created job {}", made.name_any());
        self.tell(cron_job, Normal, "SuccessfulCreate", message);
        self.context.caught_up(&self.jobs.all, &made).await;
        Ok(started(status, &made, time))
    }

    async fn delete(&self, cron_job: &CronJob, job: &Job) -> kube::Result<()> {
        let params = DeleteParams {
            preconditions: only(uid_of(job)).preconditions,
            ..DeleteParams::background()
        };
        let name = job.name_any();
        match self.api::<Job>(cron_job).delete(&name, &params).await {
            Ok(_) => {
                self.tell(
                    cron_job,
                    Normal,
                    "SuccessfulDelete",
                    format!("Deleted job {name}"),
                );
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => {
                let message = format!("Deleted job: {}", words(&error));
                self.tell(cron_job, Warning, "FailedDelete", message);
                Err(error)
            }
        }
    }

    /// Writes the status if it has changed.
    async fn report(&self, cron_job: &CronJob, status: CronJobStatus) -> kube::Result<()> {
        if cron_job.status.clone().unwrap_or_default() == status {
            return Ok(());
        }
        let updated = CronJob {
            status: Some(status),
            ..cron_job.clone()
        };
        let written = self
            .api::<CronJob>(cron_job)
            .replace_status(&cron_job.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.cron_jobs, &written).await;
        Ok(())
    }

    fn tell(&self, cron_job: &CronJob, kind: EventType, reason: &str, message: String) {
        self.recorder
            .event(&cron_job.object_ref(&()), kind, reason, message);
    }

    fn api<K>(&self, cron_job: &CronJob) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        let namespace = cron_job.namespace().unwrap_or_default();
        Api::namespaced(self.context.client.clone(), &namespace)
    }
}
