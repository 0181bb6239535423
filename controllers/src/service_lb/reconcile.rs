//! One Service: gives it addresses, or tells why not.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::{Node, Service};
use kube::api::{Patch, PatchParams};
use kube::{Api, Resource};
use serde_json::{Value, json};
use skiff_client::EventType::{Normal, Warning};
use skiff_client::{Informer, Next, ObjectKey, Recorder};

use super::ingresses::Ingresses;
use super::plan::{Outcome, ingress, plan};
use crate::context::Context;
use crate::writes::is_gone;

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) services: Informer<Service>,
    pub(super) nodes: Informer<Node>,
    pub(super) ingresses: Ingresses,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let (services, nodes) = (self.services.list(), self.nodes.list());
        let services: Vec<_> = services.iter().map(|service| &**service).collect();
        let nodes: Vec<_> = nodes.iter().map(|node| &**node).collect();
        let of_ingresses = match self.ingresses.are_served() {
            true => self.context.config.ingress_ports.as_slice(),
            false => &[],
        };
        let outcome = plan(&key, &services, &nodes, of_ingresses);
        let Some(service) = self.services.get(&key) else {
            return Ok(Next::Done);
        };
        let object = service.object_ref(&());
        match outcome {
            Outcome::Leave => {}
            Outcome::At(addresses) => {
                if self.write(&key, &service, &addresses).await? && !addresses.is_empty() {
                    let told = "Ensured load balancer";
                    self.recorder
                        .event(&object, Normal, "EnsuredLoadBalancer", told);
                }
            }
            Outcome::Clash(why) => {
                self.write(&key, &service, &BTreeSet::new()).await?;
                let told =
                    format!("Error syncing load balancer: failed to ensure load balancer: {why}");
                self.recorder
                    .event(&object, Warning, "SyncLoadBalancerFailed", told);
            }
        }
        Ok(Next::Done)
    }

    /// Tells whether anything changed.
    async fn write(
        &self,
        key: &ObjectKey,
        service: &Service,
        addresses: &BTreeSet<String>,
    ) -> anyhow::Result<bool> {
        let has: BTreeSet<&String> = ingress(service)
            .iter()
            .filter_map(|one| one.ip.as_ref())
            .collect();
        if has == addresses.iter().collect() {
            return Ok(false);
        }
        let api: Api<Service> = Api::namespaced(self.context.client.clone(), &key.namespace);
        let ingress: Vec<Value> = addresses
            .iter()
            .map(|address| json!({ "ip": address, "ipMode": "VIP" }))
            .collect();
        let ingress = match ingress.is_empty() {
            true => Value::Null,
            false => ingress.into(),
        };
        let patch = json!({ "status": { "loadBalancer": { "ingress": ingress } } });
        let patched = api
            .patch_status(&key.name, &PatchParams::default(), &Patch::Merge(patch))
            .await;
        match patched {
            Ok(written) => self.context.caught_up(&self.services, &written).await,
            Err(error) if is_gone(&error) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}
