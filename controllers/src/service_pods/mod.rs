//! The Pods behind a Service, as Endpoints and EndpointSlices both see them.

mod backend;
mod ports;
mod trigger;
mod wake;

pub(crate) use backend::{Backend, backend, selected};
pub(crate) use ports::{Port, ports};
pub(crate) use trigger::{CHANGE_TRIGGER_TIME, trigger_time};
pub(crate) use wake::{Services, wake_services};

use k8s_openapi::api::core::v1::Service;

/// The label by which a headless Service marks its Endpoints and slices.
pub(crate) const HEADLESS: &str = "service.kubernetes.io/headless";

/// Whether the Service has no address of its own.
pub(crate) fn is_headless(service: &Service) -> bool {
    service
        .spec
        .as_ref()
        .and_then(|spec| spec.cluster_ip.as_deref())
        == Some("None")
}

/// Whether addresses of Pods that are not ready are wanted too.
pub(crate) fn publishes_not_ready(service: &Service) -> bool {
    service
        .spec
        .as_ref()
        .and_then(|spec| spec.publish_not_ready_addresses)
        == Some(true)
}

/// Whether controllers fill the endpoints; without a selector they are the user's, and an external name has none.
pub(crate) fn is_managed(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    let selects = spec
        .and_then(|spec| spec.selector.as_ref())
        .is_some_and(|selector| !selector.is_empty());
    selects && spec.and_then(|spec| spec.type_.as_deref()) != Some("ExternalName")
}
