//! The slices of one Service: reads the caches, plans, applies.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Node;
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use skiff_client::{Index, Informer, Next, ObjectKey};

use super::MANAGED_BY;
use super::apply::apply;
use super::endpoint::zone;
use super::plan::{MANAGER, plan};
use crate::context::Context;
use crate::service_pods::{CHANGE_TRIGGER_TIME, is_managed, trigger_time};
use crate::writes::namespace_is_terminating;

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
        let mut changes = plan(&service, &pods, zone_of, &self.managed(&key));
        if let Some(time) = trigger_time(&service, &pods) {
            changes.note(CHANGE_TRIGGER_TIME, &time.to_string());
        }
        match apply(&self.context, &self.slices, &key, changes).await {
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
}
