//! On which ports a Pod serves a Service.

use k8s_openapi::api::core::v1::{Pod, Service, ServicePort};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

/// A port of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Port {
    /// The Service port's name, empty if it has none.
    pub(crate) name: String,
    pub(crate) port: i32,
    pub(crate) protocol: String,
    pub(crate) app_protocol: Option<String>,
}

/// The ports of `pod` behind those of `service`, in an order of their own; a named port that the Pod lacks is left out.
pub(crate) fn ports(service: &Service, pod: &Pod) -> Vec<Port> {
    let wanted = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ports.as_deref())
        .unwrap_or_default();
    let mut found: Vec<Port> = wanted
        .iter()
        .filter_map(|port| resolve(port, pod))
        .collect();
    found.sort();
    found.dedup();
    found
}

fn resolve(wanted: &ServicePort, pod: &Pod) -> Option<Port> {
    let protocol = wanted.protocol.as_deref().unwrap_or("TCP");
    let number = match &wanted.target_port {
        None | Some(IntOrString::Int(0)) => wanted.port,
        Some(IntOrString::Int(number)) => *number,
        Some(IntOrString::String(name)) if name.is_empty() => wanted.port,
        Some(IntOrString::String(name)) => named(pod, name, protocol)?,
    };
    Some(Port {
        name: wanted.name.clone().unwrap_or_default(),
        port: number,
        protocol: protocol.to_owned(),
        app_protocol: wanted.app_protocol.clone(),
    })
}

/// The container port of that name; sidecars (init containers that keep running) count.
fn named(pod: &Pod, name: &str, protocol: &str) -> Option<i32> {
    let spec = pod.spec.as_ref()?;
    let sidecars = spec
        .init_containers
        .iter()
        .flatten()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    spec.containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| container.ports.iter().flatten())
        .find(|port| {
            port.name.as_deref() == Some(name)
                && port.protocol.as_deref().unwrap_or("TCP") == protocol
        })
        .map(|port| port.container_port)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn named_ports_are_looked_up_in_the_pod() {
        let pod: Pod = serde_json::from_value(json!({"spec": {"containers": [{"name": "c", "ports": [
            {"name": "web", "containerPort": 8080}, {"name": "dns", "containerPort": 5353, "protocol": "UDP"}]}]}}))
        .unwrap();
        let cases = [
            (json!({"port": 80}), Some((80, "TCP"))),
            (json!({"port": 80, "targetPort": 8000}), Some((8000, "TCP"))),
            (
                json!({"port": 80, "targetPort": "web"}),
                Some((8080, "TCP")),
            ),
            (
                json!({"port": 53, "protocol": "UDP", "targetPort": "dns"}),
                Some((5353, "UDP")),
            ),
            (json!({"port": 53, "targetPort": "dns"}), None),
            (json!({"port": 80, "targetPort": "nope"}), None),
        ];
        for (port, expected) in cases {
            let service = serde_json::from_value(json!({"spec": {"ports": [port]}})).unwrap();
            let found = ports(&service, &pod);
            let found = found
                .first()
                .map(|port| (port.port, port.protocol.as_str()));
            assert_eq!(found, expected, "{port}");
        }
    }
}
