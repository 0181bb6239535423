//! Where the requests of a path go: the endpoints of a Service's port.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use k8s_openapi::api::core::v1::{Service, ServicePort};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointSlice};
use k8s_openapi::api::networking::v1::ServiceBackendPort;

/// The `appProtocol` of endpoints that speak HTTP/2 without TLS (KEP-3726).
const H2C: &str = "kubernetes.io/h2c";

/// The endpoints of a port, and how to speak to them.
#[derive(Debug, Default)]
pub(crate) struct Backend {
    /// Sorted; empty if the Service has none, or is missing.
    pub(crate) endpoints: Vec<SocketAddr>,
    /// Whether they speak HTTP/2 without TLS.
    pub(crate) h2c: bool,
    turn: AtomicUsize,
}

impl Backend {
    /// The backend of a Service's port. Headless Services are no different: their slices say where their Pods are.
    pub(crate) fn of(
        service: &Service,
        slices: &[Arc<EndpointSlice>],
        port: &ServiceBackendPort,
    ) -> Self {
        let ports = service.spec.as_ref().and_then(|spec| spec.ports.as_deref());
        let named = |candidate: &&ServicePort| match &port.name {
            Some(name) => candidate.name.as_ref() == Some(name),
            None => Some(candidate.port) == port.number,
        };
        let Some(port) = ports.unwrap_or_default().iter().find(named) else {
            return Self::default();
        };
        let ready = addresses(port, slices, |is| is.ready.unwrap_or(true));
        // Where nothing is ready, endpoints that still serve while they end are better than none (KEP-1669).
        let endpoints = match ready.is_empty() {
            true => addresses(port, slices, |is| {
                is.serving == Some(true) && is.terminating == Some(true)
            }),
            false => ready,
        };
        Self {
            endpoints: endpoints.into_iter().collect(),
            h2c: port.app_protocol.as_deref() == Some(H2C),
            turn: AtomicUsize::default(),
        }
    }

    /// All endpoints over and over, beginning with the one whose turn it is.
    pub(crate) fn in_turn(&self) -> impl Iterator<Item = SocketAddr> + '_ {
        let first = match self.endpoints.len() {
            0 => 0,
            count => self.turn.fetch_add(1, Ordering::Relaxed) % count,
        };
        self.endpoints.iter().copied().cycle().skip(first)
    }
}

fn addresses(
    port: &ServicePort,
    slices: &[Arc<EndpointSlice>],
    counts: impl Fn(&EndpointConditions) -> bool,
) -> BTreeSet<SocketAddr> {
    let mut found = BTreeSet::new();
    let name = |name: &Option<String>| name.clone().unwrap_or_default();
    let counts = |endpoint: &&Endpoint| counts(&endpoint.conditions.clone().unwrap_or_default());
    for slice in slices {
        let mut ports = slice.ports.iter().flatten();
        let target = ports.find(|candidate| name(&candidate.name) == name(&port.name));
        let Some(number) = target.and_then(|target| u16::try_from(target.port?).ok()) else {
            continue;
        };
        for endpoint in slice.endpoints.iter().flatten().filter(counts) {
            let parsed = endpoint
                .addresses
                .iter()
                .filter_map(|address| address.parse().ok());
            found.extend(parsed.map(|address: IpAddr| SocketAddr::new(address, number)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, from_value, json};

    fn backend(port: Value, endpoints: Value) -> Backend {
        let service = json!({"spec": {"clusterIP": "None", "ports": [
            {"name": "http", "port": 80, "targetPort": "web"},
            {"name": "grpc", "port": 81, "appProtocol": "kubernetes.io/h2c"},
        ]}});
        let slice = json!({"metadata": {}, "addressType": "IPv4", "endpoints": endpoints, "ports": [
            {"name": "http", "port": 8080}, {"name": "grpc", "port": 8081},
        ]});
        let slice = Arc::new(from_value(slice).unwrap());
        Backend::of(
            &from_value(service).unwrap(),
            &[slice],
            &from_value(port).unwrap(),
        )
    }

    #[test]
    fn a_port_leads_to_ready_endpoints() {
        let at = |last: u8, conditions: Value| json!({"addresses": [format!("10.0.0.{last}")], "conditions": conditions});
        let (ready, not) = (json!({"ready": true}), json!({"ready": false}));
        let ending = json!({"ready": false, "serving": true, "terminating": true});
        let cases = [
            (
                json!({"number": 80}),
                json!([at(2, ready.clone()), at(3, not)]),
                vec!["10.0.0.2:8080"],
            ),
            (
                json!({"name": "http"}),
                json!([at(2, json!({})), at(3, ending.clone())]),
                vec!["10.0.0.2:8080"],
            ),
            (
                json!({"number": 80}),
                json!([at(3, ending)]),
                vec!["10.0.0.3:8080"],
            ),
            (
                json!({"name": "other"}),
                json!([at(2, ready.clone())]),
                vec![],
            ),
            (
                json!({"number": 81}),
                json!([at(2, ready)]),
                vec!["10.0.0.2:8081"],
            ),
        ];
        for (port, endpoints, expected) in cases {
            let backend = backend(port.clone(), endpoints);
            let found: Vec<_> = backend.endpoints.iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{port}");
            assert_eq!(backend.h2c, port == json!({"number": 81}));
        }
    }

    #[test]
    fn each_request_begins_at_the_next_endpoint() {
        let ends = json!([{"addresses": ["10.0.0.2"]}, {"addresses": ["10.0.0.3"]}]);
        let backend = backend(json!({"number": 80}), ends);
        let first: Vec<_> = (0..3).filter_map(|_| backend.in_turn().next()).collect();
        assert!(first[0] == first[2] && first[0] != first[1], "{first:?}");
        let tried: Vec<_> = backend.in_turn().take(3).collect();
        assert!(tried[0] == tried[2] && tried[0] != tried[1], "{tried:?}");
        assert_eq!(Backend::default().in_turn().next(), None);
    }
}
