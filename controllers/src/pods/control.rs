//! Makes and deletes Pods for a workload, and tells users so.

use futures::future::join_all;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::Pod;
use kube::api::PostParams;
use kube::{Api, Resource, ResourceExt};
use skiff_client::EventType::{self, Normal, Warning};
use skiff_client::Recorder;

use crate::context::Context;
use crate::ownership::uid_of;
use crate::writes::{batches, is_gone, namespace_is_terminating, only, words};

/// Writes Pods in the name of workloads. Each write is in the cache when it is done.
pub(crate) struct PodControl {
    context: Context,
    recorder: Recorder,
}

impl PodControl {
    /// Tells users by `recorder`.
    pub(crate) fn new(context: Context, recorder: Recorder) -> Self {
        Self { context, recorder }
    }

    /// Makes Pods for `owner`, in batches that double; says how many were made, and the first failure.
    pub(crate) async fn create<O>(&self, owner: &O, pods: &[Pod]) -> (usize, kube::Result<()>)
    where
        O: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let mut made = 0;
        let mut rest = pods;
        for size in batches(pods.len()) {
            let (batch, later) = rest.split_at(size);
            rest = later;
            let results = join_all(batch.iter().map(|pod| self.create_one(owner, pod))).await;
            made += results.iter().filter(|result| result.is_ok()).count();
            if let Some(failed) = results.into_iter().find(Result::is_err) {
                return (made, failed);
            }
        }
        (made, Ok(()))
    }

    async fn create_one<O>(&self, owner: &O, pod: &Pod) -> kube::Result<()>
    where
        O: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let namespace = owner.namespace().unwrap_or_default();
        match self
            .api(&namespace)
            .create(&PostParams::default(), pod)
            .await
        {
            Ok(pod) => {
                let message = format!("Created pod: {}", pod.name_any());
                self.tell(owner, Normal, "SuccessfulCreate", message);
                self.context.caught_up(&self.context.pods.all, &pod).await;
                Ok(())
            }
            Err(error) => {
                if !namespace_is_terminating(&error) {
                    let message = format!("Error creating: {}", words(&error));
                    self.tell(owner, Warning, "FailedCreate", message);
                }
                Err(error)
            }
        }
    }

    /// Deletes Pods of `owner`.
    pub(crate) async fn delete<'a, O>(
        &self,
        owner: &O,
        pods: impl IntoIterator<Item = &'a Pod>,
    ) -> kube::Result<()>
    where
        O: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let deleted = join_all(pods.into_iter().map(|pod| self.delete_one(owner, pod))).await;
        deleted.into_iter().collect()
    }

    async fn delete_one<O>(&self, owner: &O, pod: &Pod) -> kube::Result<()>
    where
        O: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        let namespace = pod.namespace().unwrap_or_default();
        match self
            .api(&namespace)
            .delete(&pod.name_any(), &only(uid_of(pod)))
            .await
        {
            Ok(deleted) => {
                let message = format!("Deleted pod: {}", pod.name_any());
                self.tell(owner, Normal, "SuccessfulDelete", message);
                if let Some(deleted) = deleted.left() {
                    self.context
                        .caught_up(&self.context.pods.all, &deleted)
                        .await;
                }
                Ok(())
            }
            Err(error) if is_gone(&error) => Ok(()),
            Err(error) => {
                let message = format!("Error deleting: {}", words(&error));
                self.tell(owner, Warning, "FailedDelete", message);
                Err(error)
            }
        }
    }

    /// Tells users something about `owner`.
    pub(crate) fn tell<O>(&self, owner: &O, kind: EventType, reason: &str, message: String)
    where
        O: Resource<DynamicType = ()>,
    {
        self.recorder
            .event(&owner.object_ref(&()), kind, reason, message);
    }

    fn api(&self, namespace: &str) -> Api<Pod> {
        Api::namespaced(self.context.client.clone(), namespace)
    }
}
