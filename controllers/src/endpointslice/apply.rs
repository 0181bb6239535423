//! Writes slices as they were planned.

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::{Informer, ObjectKey};

use super::diff::Changes;
use super::trace;
use crate::context::Context;
use crate::ownership::uid_of;
use crate::writes::{is_gone, only};

/// Brings the slices of a Service about, and waits until the cache shows them. Creates before it deletes, so that no
/// endpoint is missing in between.
pub(crate) async fn apply(
    context: &Context,
    slices: &Informer<EndpointSlice>,
    service: &ObjectKey,
    changes: Changes,
) -> kube::Result<()> {
    let api: Api<EndpointSlice> = Api::namespaced(context.client.clone(), &service.namespace);
    let key = service.to_string();
    for slice in changes.create {
        let made = api.create(&PostParams::default(), &slice).await?;
        trace::written(&key, None, &made);
        context.caught_up(slices, &made).await;
    }
    for slice in changes.update {
        let old = slices.get(&ObjectKey::of(&slice));
        let made = api
            .replace(&slice.name_any(), &PostParams::default(), &slice)
            .await?;
        trace::written(&key, old.as_deref(), &made);
        context.caught_up(slices, &made).await;
    }
    for slice in changes.delete {
        match api.delete(&slice.name_any(), &only(uid_of(&*slice))).await {
            Err(error) if !is_gone(&error) => return Err(error),
            _ => {}
        }
    }
    Ok(())
}
