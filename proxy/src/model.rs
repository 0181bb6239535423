//! What Services mean for a node: a pure function of Services and EndpointSlices.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::core::v1::{Service, ServicePort as ApiServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};

/// The transport of a Service's port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Protocol {
    Tcp,
    Udp,
    Sctp,
}

impl Protocol {
    pub(crate) const ALL: [Protocol; 3] = [Protocol::Tcp, Protocol::Udp, Protocol::Sctp];

    /// Of the API's name; TCP is the default.
    fn of(name: Option<&str>) -> Self {
        match name {
            Some("UDP") => Protocol::Udp,
            Some("SCTP") => Protocol::Sctp,
            _ => Protocol::Tcp,
        }
    }

    /// The IP protocol number.
    pub(crate) fn number(self) -> u8 {
        match self {
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Sctp => 132,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        })
    }
}

/// One port of one Service, with the endpoints that this node sends its traffic to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServicePort {
    /// `namespace/name:port`, for people.
    pub(crate) name: String,
    pub(crate) protocol: Protocol,
    pub(crate) cluster_ip: Ipv4Addr,
    pub(crate) port: u16,
    pub(crate) node_port: Option<NodePort>,
    /// How long a client stays with its endpoint, in seconds.
    pub(crate) affinity_seconds: Option<u32>,
    /// Where clients of the ClusterIP go, sorted.
    pub(crate) endpoints: BTreeSet<SocketAddrV4>,
    /// Endpoints that take no new connections, because they are not ready or are ending, but keep those they have.
    pub(crate) draining: BTreeSet<SocketAddrV4>,
}

/// The port of a Service on each address of the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodePort {
    pub(crate) port: u16,
    /// Where clients of the NodePort go, sorted.
    pub(crate) endpoints: BTreeSet<SocketAddrV4>,
    /// Whether only endpoints of this node serve it, which see the client's own address
    /// (core/v1 ServiceSpec.externalTrafficPolicy `Local`).
    pub(crate) keeps_source: bool,
}

/// All that the node must know of Services.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    /// By name.
    pub(crate) ports: Vec<ServicePort>,
}

impl Model {
    /// The model of these Services, each with its EndpointSlices, on `node`.
    pub(crate) fn build<'a>(
        services: impl IntoIterator<Item = (&'a Service, Vec<&'a EndpointSlice>)>,
        node: &str,
    ) -> Self {
        let mut ports: Vec<ServicePort> = services
            .into_iter()
            .flat_map(|(service, slices)| service_ports(service, &slices, node))
            .collect();
        ports.sort_by(|a, b| a.name.cmp(&b.name));
        Self { ports }
    }
}

fn service_ports(service: &Service, slices: &[&EndpointSlice], node: &str) -> Vec<ServicePort> {
    let Some(spec) = &service.spec else {
        return Vec::new();
    };
    // Headless and ExternalName Services live in DNS alone.
    let Some(cluster_ip) = spec
        .cluster_ip
        .as_deref()
        .and_then(|address| address.parse::<Ipv4Addr>().ok())
    else {
        return Vec::new();
    };
    let meta = &service.metadata;
    let shown = format!(
        "{}/{}",
        meta.namespace.as_deref().unwrap_or_default(),
        meta.name.as_deref().unwrap_or_default()
    );
    let only_on = |policy: &Option<String>| (policy.as_deref() == Some("Local")).then_some(node);
    let (internal, external) = (
        only_on(&spec.internal_traffic_policy),
        only_on(&spec.external_traffic_policy),
    );
    let node_port = |port: &ApiServicePort| {
        Some(NodePort {
            port: port.node_port.map(number).filter(|number| *number != 0)?,
            endpoints: endpoints(port, slices, external),
            keeps_source: external.is_some(),
        })
    };
    let port = |port: &ApiServicePort| ServicePort {
        draining: draining(port, slices),
        name: format!("{shown}:{}", port.name.as_deref().unwrap_or_default()),
        protocol: Protocol::of(port.protocol.as_deref()),
        cluster_ip,
        port: number(port.port),
        node_port: node_port(port),
        affinity_seconds: affinity_seconds(spec),
        endpoints: endpoints(port, slices, internal),
    };
    spec.ports.iter().flatten().map(port).collect()
}

fn number(port: i32) -> u16 {
    u16::try_from(port).unwrap_or_default()
}

/// Three hours unless the Service says otherwise (core/v1 ClientIPConfig.timeoutSeconds).
fn affinity_seconds(spec: &ServiceSpec) -> Option<u32> {
    if spec.session_affinity.as_deref() != Some("ClientIP") {
        return None;
    }
    let config = spec
        .session_affinity_config
        .as_ref()
        .and_then(|config| config.client_ip.as_ref());
    Some(
        config
            .and_then(|client| client.timeout_seconds)
            .and_then(|seconds| u32::try_from(seconds).ok())
            .unwrap_or(10_800),
    )
}

/// The ready endpoints of a port; if there are none, those that still serve while they end (KEP-1669).
fn endpoints(
    port: &ApiServicePort,
    slices: &[&EndpointSlice],
    only_on: Option<&str>,
) -> BTreeSet<SocketAddrV4> {
    let ready = addresses(port, slices, only_on, |endpoint| {
        condition(endpoint, |c| c.ready).unwrap_or(true)
    });
    if !ready.is_empty() {
        return ready;
    }
    addresses(port, slices, only_on, |endpoint| {
        condition(endpoint, |c| c.serving).unwrap_or(false)
            && condition(endpoint, |c| c.terminating).unwrap_or(false)
    })
}

/// The endpoints that are not ready; they leave their slice when their Pod is gone.
fn draining(port: &ApiServicePort, slices: &[&EndpointSlice]) -> BTreeSet<SocketAddrV4> {
    addresses(port, slices, None, |endpoint| {
        !condition(endpoint, |c| c.ready).unwrap_or(true)
    })
}

fn condition(
    endpoint: &Endpoint,
    of: impl Fn(&k8s_openapi::api::discovery::v1::EndpointConditions) -> Option<bool>,
) -> Option<bool> {
    endpoint.conditions.as_ref().and_then(of)
}

fn addresses(
    port: &ApiServicePort,
    slices: &[&EndpointSlice],
    only_on: Option<&str>,
    counts: impl Fn(&Endpoint) -> bool,
) -> BTreeSet<SocketAddrV4> {
    let mut found = BTreeSet::new();
    for slice in slices.iter().filter(|slice| slice.address_type == "IPv4") {
        let same_name = |name: &Option<String>| {
            name.as_deref().unwrap_or_default() == port.name.as_deref().unwrap_or_default()
        };
        let Some(target) = slice.ports.iter().flatten().find(|candidate| {
            same_name(&candidate.name)
                && Protocol::of(candidate.protocol.as_deref())
                    == Protocol::of(port.protocol.as_deref())
        }) else {
            continue;
        };
        let Some(target) = target.port.map(number) else {
            continue;
        };
        let here = |endpoint: &&Endpoint| {
            only_on.is_none_or(|node| endpoint.node_name.as_deref() == Some(node))
        };
        for endpoint in slice
            .endpoints
            .iter()
            .flatten()
            .filter(here)
            .filter(|endpoint| counts(endpoint))
        {
            let parsed = endpoint
                .addresses
                .iter()
                .filter_map(|address| address.parse().ok());
            found.extend(parsed.map(|address| SocketAddrV4::new(address, target)));
        }
    }
    found
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(spec: Value) -> Service {
        let object = json!({ "metadata": { "namespace": "default", "name": "web" }, "spec": spec });
        serde_json::from_value(object).expect("a Service")
    }

    fn slice(endpoints: Value) -> EndpointSlice {
        let object = json!({
            "metadata": {}, "addressType": "IPv4", "endpoints": endpoints,
            "ports": [{ "name": "http", "port": 8080, "protocol": "TCP" }],
        });
        serde_json::from_value(object).expect("an EndpointSlice")
    }

    fn targets(service: &Service, slice: &EndpointSlice) -> Vec<String> {
        let model = Model::build([(service, vec![slice])], "n1");
        model
            .ports
            .iter()
            .flat_map(|port| port.endpoints.iter().map(ToString::to_string))
            .collect()
    }

    #[test]
    fn a_port_leads_to_the_endpoints_that_count() {
        let spec = json!({ "clusterIP": "10.96.0.5", "ports": [{ "name": "http", "port": 80 }] });
        let at = |address: &str, conditions: Value| json!({ "addresses": [address], "conditions": conditions, "nodeName": "n1" });
        let ending = json!({ "ready": false, "serving": true, "terminating": true });
        let cases = [
            (
                vec![
                    at("10.244.0.2", json!({ "ready": true })),
                    at("10.244.0.3", json!({ "ready": false })),
                ],
                vec!["10.244.0.2:8080"],
            ),
            (vec![at("10.244.0.2", json!({}))], vec!["10.244.0.2:8080"]),
            (
                vec![
                    at("10.244.0.2", json!({ "ready": true })),
                    at("10.244.0.3", ending.clone()),
                ],
                vec!["10.244.0.2:8080"],
            ),
            (vec![at("10.244.0.3", ending)], vec!["10.244.0.3:8080"]),
            (
                vec![at(
                    "10.244.0.3",
                    json!({ "ready": false, "serving": false, "terminating": true }),
                )],
                vec![],
            ),
        ];
        for (endpoints, expected) in cases {
            assert_eq!(
                targets(&service(spec.clone()), &slice(json!(endpoints))),
                expected,
                "{endpoints:?}"
            );
        }
    }

    #[test]
    fn endpoints_that_are_not_ready_drain() {
        let spec = json!({ "clusterIP": "10.96.0.5", "ports": [{ "name": "http", "port": 80 }] });
        let slice = slice(json!([
            { "addresses": ["10.244.0.2"], "conditions": { "ready": true } },
            { "addresses": ["10.244.0.3"], "conditions": { "ready": false, "serving": true, "terminating": true } },
            { "addresses": ["10.244.0.4"], "conditions": { "ready": false } },
        ]));
        let model = Model::build([(&service(spec), vec![&slice])], "n1");
        let draining: Vec<String> = model.ports[0]
            .draining
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(draining, ["10.244.0.3:8080", "10.244.0.4:8080"]);
    }

    #[test]
    fn local_traffic_stays_on_the_node() {
        let spec = json!({ "clusterIP": "10.96.0.5", "internalTrafficPolicy": "Local", "ports": [{ "name": "http", "port": 80 }] });
        let endpoints = json!([
            { "addresses": ["10.244.0.2"], "nodeName": "n1" },
            { "addresses": ["10.244.1.2"], "nodeName": "n2" },
        ]);
        assert_eq!(
            targets(&service(spec), &slice(endpoints)),
            ["10.244.0.2:8080"]
        );
    }

    #[test]
    fn each_policy_holds_for_its_own_clients() {
        let (here, both) = (
            vec!["10.244.0.2:8080"],
            vec!["10.244.0.2:8080", "10.244.1.2:8080"],
        );
        let cases = [
            ("Cluster", "Cluster", &both, &both, false),
            ("Local", "Cluster", &here, &both, false),
            ("Cluster", "Local", &both, &here, true),
        ];
        for (internal, external, inside, outside, keeps_source) in cases {
            let service = service(json!({
                "clusterIP": "10.96.0.5", "internalTrafficPolicy": internal, "externalTrafficPolicy": external,
                "ports": [{ "name": "http", "port": 80, "nodePort": 30002 }],
            }));
            let slice = slice(json!([
                { "addresses": ["10.244.0.2"], "nodeName": "n1" },
                { "addresses": ["10.244.1.2"], "nodeName": "n2" },
            ]));
            let model = Model::build([(&service, vec![&slice])], "n1");
            let port = &model.ports[0];
            let node_port = port.node_port.as_ref().expect("a NodePort");
            let shown = |endpoints: &BTreeSet<SocketAddrV4>| -> Vec<String> {
                endpoints.iter().map(ToString::to_string).collect()
            };
            let case = format!("{internal} {external}");
            assert_eq!(shown(&port.endpoints), *inside, "{case}");
            assert_eq!(shown(&node_port.endpoints), *outside, "{case}");
            assert_eq!(node_port.keeps_source, keeps_source, "{case}");
        }
    }

    #[test]
    fn a_service_without_an_address_of_its_own_has_no_rules() {
        for spec in [
            json!({ "clusterIP": "None", "ports": [{ "name": "http", "port": 80 }] }),
            json!({ "type": "ExternalName", "externalName": "example.test" }),
        ] {
            let (service, slice) = (
                service(spec),
                slice(json!([{ "addresses": ["10.244.0.2"] }])),
            );
            assert_eq!(
                Model::build([(&service, vec![&slice])], "n1"),
                Model::default()
            );
        }
    }

    #[test]
    fn ports_keep_what_the_service_says() {
        let spec = json!({
            "clusterIP": "10.96.0.5", "type": "NodePort", "sessionAffinity": "ClientIP",
            "ports": [{ "name": "http", "port": 80, "nodePort": 30002 }, { "name": "dns", "port": 53, "protocol": "UDP" }],
        });
        let service = service(spec);
        let model = Model::build([(&service, vec![])], "n1");
        let shown: Vec<_> = model
            .ports
            .iter()
            .map(|port| {
                (
                    port.name.as_str(),
                    port.protocol,
                    port.port,
                    port.node_port.as_ref().map(|node_port| node_port.port),
                    port.affinity_seconds,
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                ("default/web:dns", Protocol::Udp, 53, None, Some(10_800)),
                (
                    "default/web:http",
                    Protocol::Tcp,
                    80,
                    Some(30002),
                    Some(10_800)
                ),
            ]
        );
    }
}
