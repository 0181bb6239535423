//! The scheduler: what it holds, and which Pods are its to place.

use std::sync::atomic::AtomicUsize;

use k8s_openapi::api::core::v1::Pod;
use kube::{Api, Client};
use skiff_client::{Informer, ObjectKey, Recorder};

use crate::cache::{Cache, has_ended, node_of};
use crate::queue::Queue;
use crate::volumes::Storage;

/// The scheduler.
pub(crate) struct Scheduler {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) pods: Informer<Pod>,
    pub(crate) storage: Storage,
    pub(crate) events: Recorder,
    pub(crate) cache: Cache,
    pub(crate) queue: Queue,
    pub(crate) turn: AtomicUsize,
}

impl Scheduler {
    /// The Pods of the namespace of one.
    pub(crate) fn api(&self, key: &ObjectKey) -> Api<Pod> {
        Api::namespaced(self.client.clone(), &key.namespace)
    }
}

/// Whether the Pod is one of this scheduler's and free to go.
pub(crate) fn wants_place(pod: &Pod, scheduler_name: &str) -> bool {
    let spec = pod.spec.as_ref();
    let wanted = spec.and_then(|spec| spec.scheduler_name.as_deref());
    // KEP-3521: a Pod with gates is not ready to be placed.
    let gates = spec.and_then(|spec| spec.scheduling_gates.as_deref());
    gates.unwrap_or_default().is_empty()
        && node_of(pod).is_none()
        && !has_ended(pod)
        && pod.metadata.deletion_timestamp.is_none()
        && wanted.unwrap_or("default-scheduler") == scheduler_name
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pod_wants_a_place_when_it_is_this_schedulers_and_free_to_go() {
        let cases = [
            (json!({}), true),
            (json!({ "schedulerName": "default-scheduler" }), true),
            (json!({ "schedulerName": "another" }), false),
            (json!({ "nodeName": "n" }), false),
            (json!({ "schedulingGates": [] }), true),
            (
                json!({ "schedulingGates": [{ "name": "example.test/quota" }] }),
                false,
            ),
        ];
        for (mut spec, wants) in cases {
            spec["containers"] = json!([]);
            let pod = json!({ "metadata": { "name": "p" }, "spec": spec });
            let pod: Pod = serde_json::from_value(pod).expect("a Pod");
            assert_eq!(wants_place(&pod, "default-scheduler"), wants, "{spec}");
        }
    }
}
