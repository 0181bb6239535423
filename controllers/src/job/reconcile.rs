//! One Job: reads the caches, plans, applies.

use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use k8s_openapi::api::batch::v1::{Job, JobStatus};
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams, PostParams};
use kube::{Api, Resource, ResourceExt};
use serde_json::json;
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Index, Informer, Next, ObjectKey};

use super::plan::{Plan, plan};
use super::pod;
use super::spec;
use super::tally::{Seen, count};
use crate::context::Context;
use crate::ownership::{Claimant, claim, controller_of, uid_of};
use crate::pods::PodControl;
use crate::selection::Selection;
use crate::writes::namespace_is_terminating;

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) jobs: Informer<Job>,
    /// By `namespace/name` of the Job, Pods that wait to be counted.
    pub(super) tracked: Index<Pod>,
    pub(super) control: PodControl,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let job = self.jobs.get(&key);
        self.release_strays(&key, job.as_deref()).await?;
        let Some(job) = job.filter(|job| spec::is_ours(job)) else {
            return Ok(Next::Done);
        };
        let pods = self.pods(&job).await?;
        let seen = Seen {
            job: &job,
            pods: &pods,
            now: Timestamp::now(),
        };
        match plan(&seen) {
            Some(plan) => self.apply(&job, plan).await,
            None => Ok(Next::Done),
        }
    }

    /// Pods that still wait to be counted by a Job which is gone, or which has let them go, wait no longer.
    async fn release_strays(&self, key: &ObjectKey, job: Option<&Job>) -> kube::Result<()> {
        let uid = job.map(uid_of);
        let mut pods = self.tracked.get(&format!("{}/{}", key.namespace, key.name));
        pods.retain(|pod| {
            controller_of(&**pod).is_none_or(|owner| Some(owner.uid.as_str()) != uid)
        });
        for pod in pods {
            self.release(&pod).await?;
        }
        Ok(())
    }

    /// All Pods that the Job controls, whatever their state.
    async fn pods(&self, job: &Job) -> kube::Result<Vec<Arc<Pod>>> {
        let selector = job.spec.as_ref().and_then(|spec| spec.selector.as_ref());
        let selector = selector.map(Selection::of).unwrap_or_default();
        let claimant = Claimant {
            owner: job,
            selector: &selector,
            is_member: &|_| true,
        };
        claim(&self.context, &self.context.pods, &claimant).await
    }

    async fn apply(&self, job: &Job, plan: Plan) -> anyhow::Result<Next> {
        let uncounted = plan.drop.iter().map(|pod| self.drop(job, pod));
        let dropped = join_all(uncounted).await.into_iter().collect();
        let ending = plan.end.iter().map(|pod| &**pod);
        let deleted = self.control.delete(job, ending).await;
        let new: Vec<Pod> = plan.create.iter().map(|new| new.of(job)).collect();
        let (created, made) = match self.control.create(job, &new).await {
            (created, Err(error)) if namespace_is_terminating(&error) => (created, Ok(())),
            made => made,
        };
        let mut status = plan.status;
        if created > 0 {
            status.active = Some(status.active.unwrap_or(0) + count(created));
        }
        if self.report(job, status).await? {
            for (warning, cause) in plan.tell {
                let kind = if warning { Warning } else { Normal };
                self.control.tell(job, kind, &cause.reason, cause.message);
            }
        }
        for pod in &plan.release {
            self.release(pod).await?;
        }
        let all: kube::Result<()> = [dropped, deleted, made].into_iter().collect();
        all?;
        Ok(plan.again.map_or(Next::Done, Next::After))
    }

    /// Deletes a Pod that is not to be counted.
    async fn drop(&self, job: &Job, pod: &Pod) -> kube::Result<()> {
        self.release(pod).await?;
        self.control.delete(job, [pod]).await
    }

    /// Takes the finalizer off a Pod.
    async fn release(&self, one: &Pod) -> kube::Result<()> {
        let namespace = one.namespace().unwrap_or_default();
        let pods: Api<Pod> = Api::namespaced(self.context.client.clone(), &namespace);
        let patch = json!({"metadata": {
            "uid": one.uid(),
            "$deleteFromPrimitiveList/finalizers": [pod::FINALIZER],
        }});
        let patch = Patch::Strategic(patch);
        match pods
            .patch(&one.name_any(), &PatchParams::default(), &patch)
            .await
        {
            Ok(written) => {
                self.context
                    .caught_up(&self.context.pods.all, &written)
                    .await;
                Ok(())
            }
            Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Writes the status if it has changed; says whether it had.
    async fn report(&self, job: &Job, status: JobStatus) -> anyhow::Result<bool> {
        if job.status.as_ref() == Some(&status) {
            return Ok(false);
        }
        let updated = Job {
            status: Some(status),
            ..job.clone()
        };
        let written = self
            .api::<Job>(job)
            .replace_status(&job.name_any(), &PostParams::default(), &updated)
            .await?;
        self.context.caught_up(&self.jobs, &written).await;
        Ok(true)
    }

    fn api<K>(&self, job: &Job) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>,
    {
        Api::namespaced(
            self.context.client.clone(),
            &job.namespace().unwrap_or_default(),
        )
    }
}
