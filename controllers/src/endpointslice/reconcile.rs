//! The slices of one Service: reads the caches, plans, applies.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::api::PostParams;
use kube::{Api, ResourceExt};
use skiff_client::{Index, Informer, Next, ObjectKey};

use super::diff::Changes;
use super::endpoint::zone;
use super::plan::{MANAGED_BY, MANAGER, plan};
use super::trace;
use crate::context::Context;
use crate::ownership::uid_of;
use crate::service_pods::{CHANGE_TRIGGER_TIME, is_managed, trigger_time};
use crate::writes::{is_gone, namespace_is_terminating, only};

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) slices: Informer<EndpointSlice>,
    pub(super) of_service: Index<EndpointSlice>,
    pub(super) nodes: Informer<Node>,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let Some(service) = self
            .context
            .services
            .all
            .get(&key)
            .filter(|service| is_managed(service))
        else {
            // Those of a Service that is gone are the garbage collector's.
            return Ok(Next::Done);
        };
        if service.metadata.deletion_timestamp.is_some() {
            return Ok(Next::Done);
        }
        let pods = self.context.services.pods(&service);
        let zone_of = |node: &str| zone(&*self.nodes.get(&ObjectKey::cluster(node))?).cloned();
        let changes = plan(&service, &pods, zone_of, &self.managed(&key));
        let trigger = trigger_time(&service, &pods).map(|time| time.to_string());
        match self.apply(&service, changes, trigger).await {
            Err(error) if namespace_is_terminating(&error) => Ok(Next::Done),
            applied => applied.map(|()| Next::Done).map_err(Into::into),
        }
    }

    /// The slices of a Service that are this controller's; others may add their own.
    fn managed(&self, service: &ObjectKey) -> Vec<Arc<EndpointSlice>> {
        let mut slices = self.of_service.get(&service.to_string());
        slices.retain(|slice| {
            slice.metadata.deletion_timestamp.is_none()
                && slice
                    .labels()
                    .get(MANAGED_BY)
                    .is_some_and(|manager| manager == MANAGER)
        });
        slices.sort_by_key(|slice| slice.name_any());
        slices
    }

    /// Creates before it deletes, so that no endpoint is missing in between.
    async fn apply(
        &self,
        service: &Service,
        changes: Changes,
        trigger: Option<String>,
    ) -> kube::Result<()> {
        let namespace = service.namespace().unwrap_or_default();
        let key = ObjectKey::of(service).to_string();
        let api: Api<EndpointSlice> = Api::namespaced(self.context.client.clone(), &namespace);
        let note = |slice: &mut EndpointSlice| {
            let time = trigger
                .clone()
                .map(|time| (CHANGE_TRIGGER_TIME.to_owned(), time));
            slice.annotations_mut().extend(time);
        };
        for mut slice in changes.create {
            note(&mut slice);
            let made = api.create(&PostParams::default(), &slice).await?;
            trace::written(&key, None, &made);
            self.context.caught_up(&self.slices, &made).await;
        }
        for mut slice in changes.update {
            note(&mut slice);
            let old = self.slices.get(&ObjectKey::of(&slice));
            let made = api
                .replace(&slice.name_any(), &PostParams::default(), &slice)
                .await?;
            trace::written(&key, old.as_deref(), &made);
            self.context.caught_up(&self.slices, &made).await;
        }
        for slice in changes.delete {
            match api.delete(&slice.name_any(), &only(uid_of(&*slice))).await {
                Err(error) if !is_gone(&error) => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
