//! Which Services a change of a Pod concerns.

use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use kube::ResourceExt;
use skiff_client::{Change, Index, Informer, Informers, ObjectKey, WorkQueue};

use super::{backend, selected};
use crate::context::Context;

/// All Services, and all Pods by namespace. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) all: Informer<Service>,
    by_namespace: Index<Service>,
    pods: Index<Pod>,
}

impl Services {
    pub(crate) fn new(informers: &Informers) -> Self {
        let all = informers.all::<Service>();
        let pods = informers.all::<Pod>();
        Self {
            by_namespace: all.index(|service| service.namespace().into_iter().collect()),
            pods: pods.index(|pod| pod.namespace().into_iter().collect()),
            all,
        }
    }

    /// The Pods that a Service selects.
    pub(crate) fn pods(&self, service: &Service) -> Vec<Arc<Pod>> {
        let mut pods = self.pods.get(&service.namespace().unwrap_or_default());
        pods.retain(|pod| selected(service, pod));
        pods
    }

    fn selecting(&self, pod: &Pod) -> Vec<ObjectKey> {
        let services = self.by_namespace.get(&pod.namespace().unwrap_or_default());
        services
            .iter()
            .filter(|service| selected(service, pod))
            .map(|service| ObjectKey::of(&**service))
            .collect()
    }
}

/// Adds to `queue` the Services that a change of a Pod concerns, if it is one that endpoints show.
pub(crate) fn wake_services(context: &Context, queue: &WorkQueue<ObjectKey>) {
    let (services, queue) = (context.services.clone(), queue.clone());
    context.pods.all.on_change(move |change| {
        let (before, after) = match change {
            Change::Updated { old, new } if !differ(old, new) => return,
            Change::Updated { old, new } => (Some(old), Some(new)),
            Change::Added(new) => (None, Some(new)),
            Change::Deleted(old) => (Some(old), None),
        };
        for pod in before.into_iter().chain(after) {
            services
                .selecting(pod)
                .into_iter()
                .for_each(|key| queue.add(key));
        }
    });
}

fn differ(old: &Pod, new: &Pod) -> bool {
    old.metadata.labels != new.metadata.labels || backend(old) != backend(new)
}
