//! One Pod as an endpoint of a slice.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions};
use kube::ResourceExt;

use crate::service_pods::{Backend, publishes_not_ready};

/// The zone of a node.
pub(super) fn zone(node: &Node) -> Option<&String> {
    node.labels().get("topology.kubernetes.io/zone")
}

/// The endpoint of one Pod in a slice of one address family.
pub(super) fn endpoint(
    service: &Service,
    backend: &Backend,
    address: IpAddr,
    zone: Option<String>,
) -> Endpoint {
    // A Pod that is being deleted is never ready, unless the Service wants Pods that are not.
    let ready = publishes_not_ready(service) || (backend.ready && !backend.terminating);
    Endpoint {
        addresses: vec![address.to_string()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            serving: Some(backend.ready),
            terminating: Some(backend.terminating),
        }),
        hostname: backend.hostname(service),
        node_name: backend.node.clone(),
        target_ref: Some(backend.reference.clone()),
        zone,
        ..Endpoint::default()
    }
}
