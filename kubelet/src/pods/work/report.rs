use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, ResourceExt};

use super::Done;
use crate::pods::context::Context;
use crate::pods::{object, status};

fn api(client: &Client, pod: &Pod) -> Api<Pod> {
    let namespace = pod.namespace().unwrap_or_default();
    Api::namespaced(client.clone(), &namespace)
}

/// An error that says that the Pod is gone, or another one has its name, is as good as an answer.
fn settled<T>(result: kube::Result<T>) -> kube::Result<Option<T>> {
    match result {
        Err(kube::Error::Api(refused)) if refused.code == 404 || refused.code == 409 => Ok(None),
        result => result.map(Some),
    }
}

/// Writes what is new in a Pod's status. Without an answer the Pod is gone.
pub(crate) async fn patch_status(
    client: &Client,
    pod: &Pod,
    old: &PodStatus,
    new: &PodStatus,
) -> kube::Result<Option<Pod>> {
    let patch = Patch::Strategic(status::patch(object::uid(pod), old, new));
    let (api, params) = (api(client, pod), PatchParams::default());
    settled(api.patch_status(&pod.name_any(), &params, &patch).await)
}

/// Deletes a Pod's object, all of it being stopped.
pub(crate) async fn delete_object(client: &Client, pod: &Pod) -> kube::Result<()> {
    let params = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions {
            uid: pod.metadata.uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let deleted = api(client, pod).delete(&pod.name_any(), &params).await;
    settled(deleted).map(drop)
}

/// Writes what is new in the status of the worker's Pod.
pub(crate) async fn write_status<R>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    old: PodStatus,
    new: PodStatus,
) -> Done {
    let written = patch_status(&context.host.objects.client, &pod, &old, &new).await;
    Done::Reported {
        status: Box::new(new),
        result: written.map(drop),
    }
}

/// Deletes the object of the worker's Pod.
pub(crate) async fn delete<R>(context: Arc<Context<R>>, pod: Arc<Pod>) -> Done {
    Done::Deleted(delete_object(&context.host.objects.client, &pod).await)
}
