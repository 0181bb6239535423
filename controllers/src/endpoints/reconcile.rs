//! The Endpoints of one Service: reads the caches, plans, applies.

use k8s_openapi::api::core::v1::Endpoints;
use kube::Api;
use kube::api::PostParams;
use skiff_client::{Informer, Next, ObjectKey};

use super::plan::plan;
use crate::context::Context;
use crate::ownership::uid_of;
use crate::service_pods::{is_managed, trigger_time};
use crate::writes::{is_gone, namespace_is_terminating, only};

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) endpoints: Informer<Endpoints>,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let api: Api<Endpoints> = Api::namespaced(self.context.client.clone(), &key.namespace);
        let existing = self.endpoints.get(&key);
        let Some(service) = self.context.services.all.get(&key) else {
            return self.remove(&api, existing.as_deref(), &key).await;
        };
        if !is_managed(&service) || service.metadata.deletion_timestamp.is_some() {
            return Ok(Next::Done);
        }
        let pods = self.context.services.pods(&service);
        let trigger = trigger_time(&service, &pods).map(|time| time.to_string());
        let Some(wanted) = plan(&service, &pods, existing.as_deref(), trigger) else {
            return Ok(Next::Done);
        };
        let written = match existing {
            None => api.create(&PostParams::default(), &wanted).await,
            Some(_) => {
                api.replace(&key.name, &PostParams::default(), &wanted)
                    .await
            }
        };
        match written {
            Err(error) if namespace_is_terminating(&error) => Ok(Next::Done),
            Err(error) => Err(error.into()),
            Ok(written) => {
                self.context.caught_up(&self.endpoints, &written).await;
                Ok(Next::Done)
            }
        }
    }

    /// Endpoints go with the Service of their name, whoever made them; some hold other things and say so.
    async fn remove(
        &self,
        api: &Api<Endpoints>,
        existing: Option<&Endpoints>,
        key: &ObjectKey,
    ) -> anyhow::Result<Next> {
        let leader = "control-plane.alpha.kubernetes.io/leader";
        let Some(existing) = existing.filter(|existing| {
            !existing
                .metadata
                .annotations
                .iter()
                .any(|annotations| annotations.contains_key(leader))
        }) else {
            return Ok(Next::Done);
        };
        match api.delete(&key.name, &only(uid_of(existing))).await {
            Err(error) if !is_gone(&error) => Err(error.into()),
            _ => Ok(Next::Done),
        }
    }
}
