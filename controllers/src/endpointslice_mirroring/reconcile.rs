//! The mirror of one object: reads the caches, plans, applies.

use k8s_openapi::api::core::v1::{Endpoints, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::{Resource, ResourceExt};
use skiff_client::EventType::Warning;
use skiff_client::{Index, Informer, Next, ObjectKey, Recorder};

use super::plan::{MAX_ADDRESSES, Mirror, is_mirrored, mirror, plan};
use crate::context::Context;
use crate::endpointslice::apply;
use crate::writes::namespace_is_terminating;

pub(super) struct Reconciler {
    pub(super) context: Context,
    pub(super) endpoints: Informer<Endpoints>,
    pub(super) slices: Informer<EndpointSlice>,
    /// The mirrors, by the Service that they are of.
    pub(super) mirrors: Index<EndpointSlice>,
    pub(super) recorder: Recorder,
}

impl Reconciler {
    pub(super) async fn reconcile(&self, key: ObjectKey) -> anyhow::Result<Next> {
        let (endpoints, service) = (self.endpoints.get(&key), self.service(&key));
        let original = endpoints.as_deref().zip(service.as_deref());
        let original = original.filter(|(endpoints, service)| is_mirrored(endpoints, service));
        let mirror = original.map(|(endpoints, _)| mirror(endpoints));
        let mut existing = self.mirrors.get(&key.to_string());
        existing.retain(|slice| slice.metadata.deletion_timestamp.is_none());
        existing.sort_by_key(|slice| slice.name_any());
        let wanted = mirror.iter().flat_map(|mirror| mirror.slices.clone());
        let changes = plan(wanted.collect(), existing);
        if changes.is_empty() {
            return Ok(Next::Done);
        }
        match apply(&self.context, &self.slices, &key, changes).await {
            Err(error) if namespace_is_terminating(&error) => return Ok(Next::Done),
            applied => applied?,
        }
        if let Some(((endpoints, _), mirror)) = original.zip(mirror) {
            self.tell(endpoints, &mirror);
        }
        Ok(Next::Done)
    }

    fn service(&self, key: &ObjectKey) -> Option<std::sync::Arc<Service>> {
        self.context.services.all.get(key)
    }

    fn tell(&self, endpoints: &Endpoints, mirror: &Mirror) {
        let object = endpoints.object_ref(&());
        if mirror.invalid > 0 {
            let told = format!(
                "Skipped {} invalid IP addresses when mirroring to EndpointSlices",
                mirror.invalid
            );
            self.recorder
                .event(&object, Warning, "InvalidIPAddresses", told);
        }
        if mirror.too_many > 0 {
            let told = format!(
                "A max of {MAX_ADDRESSES} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were skipped",
                mirror.too_many
            );
            self.recorder
                .event(&object, Warning, "TooManyAddressesToMirror", told);
        }
    }
}
