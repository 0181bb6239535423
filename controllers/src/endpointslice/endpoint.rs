//! One Pod as an endpoint of a slice.

use std::net::IpAddr;

use k8s_openapi::api::core::v1::{Node, Service};
use k8s_openapi::api::discovery::v1::{
    Endpoint, EndpointConditions, EndpointHints, ForNode, ForZone,
};
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
        hints: hints(service, backend.node.as_deref(), zone.as_deref()),
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

/// For whom the endpoint is, by the Service's `trafficDistribution` (KEP-3015): who prefers the same node is told the zone as
/// well, for where there is none on the node.
fn hints(service: &Service, node: Option<&str>, zone: Option<&str>) -> Option<EndpointHints> {
    let distribution = service.spec.as_ref()?.traffic_distribution.as_deref()?;
    let for_nodes = match distribution {
        "PreferSameNode" => node.map(|name| vec![ForNode { name: name.into() }]),
        "PreferSameZone" | "PreferClose" => None,
        _ => return None,
    };
    let for_zones = zone.map(|name| vec![ForZone { name: name.into() }]);
    (for_nodes.is_some() || for_zones.is_some()).then_some(EndpointHints {
        for_nodes,
        for_zones,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn an_endpoint_says_for_whom_it_is() {
        let (node, zone) = (json!([{"name": "n1"}]), json!([{"name": "z1"}]));
        let cases = [
            (Value::Null, Some("z1"), Value::Null),
            (json!("PreferClose"), Some("z1"), json!({"forZones": zone})),
            (
                json!("PreferSameZone"),
                Some("z1"),
                json!({"forZones": zone}),
            ),
            (json!("PreferSameZone"), None, Value::Null),
            (
                json!("PreferSameNode"),
                Some("z1"),
                json!({"forNodes": node, "forZones": zone}),
            ),
            (json!("PreferSameNode"), None, json!({"forNodes": node})),
        ];
        for (distribution, zone, expected) in cases {
            let service = json!({"spec": {"trafficDistribution": distribution}});
            let service: Service = serde_json::from_value(service).expect("a Service");
            let hints = hints(&service, Some("n1"), zone);
            assert_eq!(json!(hints), expected, "{distribution} {zone:?}");
        }
    }
}
