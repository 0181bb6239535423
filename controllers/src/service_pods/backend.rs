//! What a Service must know of a Pod.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{ObjectReference, Pod, Service};
use kube::ResourceExt;

use crate::pods::{is_ready, is_terminal};

/// A Pod that can be an endpoint; two that are equal make the same endpoint.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Backend {
    /// All its addresses, the first is the main one.
    pub(crate) addresses: Vec<IpAddr>,
    pub(crate) ready: bool,
    pub(crate) terminating: bool,
    pub(crate) node: Option<String>,
    /// The Pod's host name and subdomain, if it has both.
    host: Option<(String, String)>,
    pub(crate) reference: ObjectReference,
}

/// The Pod as an endpoint; none if it has no address yet, or has ended.
pub(crate) fn backend(pod: &Pod) -> Option<Backend> {
    let status = pod.status.as_ref()?;
    if is_terminal(pod) {
        return None;
    }
    let main = status.pod_ip.iter().cloned();
    let others = status
        .pod_ips
        .iter()
        .flatten()
        .map(|address| address.ip.clone());
    let mut addresses: Vec<IpAddr> = main
        .chain(others)
        .filter_map(|ip| ip.parse().ok())
        .collect();
    let first = *addresses.first()?;
    let mut rest = addresses.split_off(1);
    rest.retain(|address| *address != first);
    addresses.append(&mut rest);
    let spec = pod.spec.as_ref();
    let filled = |text: Option<&String>| text.filter(|text| !text.is_empty()).cloned();
    let hostname = filled(spec.and_then(|spec| spec.hostname.as_ref()));
    let subdomain = filled(spec.and_then(|spec| spec.subdomain.as_ref()));
    Some(Backend {
        addresses,
        ready: is_ready(pod),
        terminating: pod.metadata.deletion_timestamp.is_some(),
        node: filled(spec.and_then(|spec| spec.node_name.as_ref())),
        host: hostname.zip(subdomain),
        reference: ObjectReference {
            kind: Some("Pod".to_owned()),
            namespace: pod.namespace(),
            name: Some(pod.name_any()),
            uid: pod.uid(),
            ..ObjectReference::default()
        },
    })
}

impl Backend {
    /// The name that the Pod has below the Service's name in DNS, as the Pods of a StatefulSet have.
    pub(crate) fn hostname(&self, service: &Service) -> Option<String> {
        let (hostname, subdomain) = self.host.as_ref()?;
        (*subdomain == service.name_any()).then(|| hostname.clone())
    }
}

/// Whether the Service selects the Pod by its labels.
pub(crate) fn selected(service: &Service, pod: &Pod) -> bool {
    let selector = service
        .spec
        .as_ref()
        .and_then(|spec| spec.selector.as_ref());
    selector.is_some_and(|selector| {
        !selector.is_empty()
            && selector
                .iter()
                .all(|(key, value)| pod.labels().get(key) == Some(value))
    })
}
