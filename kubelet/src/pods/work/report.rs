use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, PodStatus};
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, ResourceExt};

use super::Done;
use crate::pods::context::Context;
use crate::pods::{object, status};

fn api<R>(context: &Context<R>, pod: &Pod) -> Api<Pod> {
    let namespace = pod.namespace().unwrap_or_default();
    Api::namespaced(context.host.objects.client.clone(), &namespace)
}

/// An error that says that the Pod is gone, or another one has its name, is as good as an answer.
fn settled(result: kube::Result<()>) -> kube::Result<()> {
    match result {
        Err(kube::Error::Api(refused)) if refused.code == 404 || refused.code == 409 => Ok(()),
        result => result,
    }
}

/// Writes what is new in the Pod's status.
pub(crate) async fn write_status<R>(
    context: Arc<Context<R>>,
    pod: Arc<Pod>,
    old: PodStatus,
    new: PodStatus,
) -> Done {
    let patch = Patch::Strategic(status::patch(object::uid(&pod), &old, &new));
    let api = api(&context, &pod);
    let written = api
        .patch_status(&pod.name_any(), &PatchParams::default(), &patch)
        .await;
    let result = settled(written.map(drop));
    Done::Reported {
        status: Box::new(new),
        result,
    }
}

/// Deletes the Pod's object, all of it being stopped.
pub(crate) async fn delete<R>(context: Arc<Context<R>>, pod: Arc<Pod>) -> Done {
    let params = DeleteParams {
        grace_period_seconds: Some(0),
        preconditions: Some(Preconditions {
            uid: pod.metadata.uid.clone(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    let deleted = api(&context, &pod).delete(&pod.name_any(), &params).await;
    Done::Deleted(settled(deleted.map(drop)))
}
