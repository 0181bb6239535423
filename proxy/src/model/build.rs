//! The ports of one Service from the API's objects.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddrV4};

use k8s_openapi::api::core::v1::{Service, ServicePort as ApiServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointSlice};

use super::near::{Place, nearest};
use super::{External, Protocol, ServicePort};

/// What a Service with these EndpointSlices means for a node at `place`; nothing if it has no address of its own.
pub(crate) fn service_ports(
    service: &Service,
    slices: &[&EndpointSlice],
    place: &Place,
) -> Vec<ServicePort> {
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
    let is_local = |policy: &Option<String>| policy.as_deref() == Some("Local");
    let port = |port: &ApiServicePort| {
        let seen = |policy| endpoints(port, slices, policy, place);
        let everywhere = seen(Policy::Cluster);
        let outside = match is_local(&spec.external_traffic_policy) {
            true => seen(Policy::Local),
            false => everywhere.clone(),
        };
        ServicePort {
            draining: draining(port, slices),
            name: format!("{shown}:{}", port.name.as_deref().unwrap_or_default()),
            protocol: Protocol::of(port.protocol.as_deref()),
            cluster_ip,
            port: number(port.port),
            affinity_seconds: affinity_seconds(spec),
            endpoints: match is_local(&spec.internal_traffic_policy) {
                true => seen(Policy::Local),
                false => everywhere.clone(),
            },
            external: External {
                node_port: port.node_port.map(number).filter(|number| *number != 0),
                endpoints: outside,
                endpoints_for_insiders: everywhere,
                keeps_source: is_local(&spec.external_traffic_policy),
                ..external(service, spec)
            },
        }
    };
    spec.ports.iter().flatten().map(port).collect()
}

/// What all ports of a Service share.
fn external(service: &Service, spec: &ServiceSpec) -> External {
    let status = service.status.as_ref();
    let ingress = status
        .and_then(|status| status.load_balancer.as_ref())
        .and_then(|balancer| balancer.ingress.as_ref());
    // A proxy in front answers itself: its address must not lead around it (KEP-1860).
    let is_ours = |mode: &Option<String>| mode.as_deref() != Some("Proxy");
    let balanced = ingress.into_iter().flatten();
    let balanced = balanced.filter(|ingress| is_ours(&ingress.ip_mode));
    let parsed = |address: &String| address.parse::<Ipv4Addr>().ok();
    let ranges = spec.load_balancer_source_ranges.iter().flatten();
    External {
        ips: spec
            .external_ips
            .iter()
            .flatten()
            .filter_map(parsed)
            .collect(),
        load_balancer: balanced
            .filter_map(|ingress| ingress.ip.as_ref())
            .filter_map(parsed)
            .collect(),
        source_ranges: ranges
            .filter_map(|range| range.trim().parse().ok())
            .collect(),
        health_check: spec
            .health_check_node_port
            .map(number)
            .filter(|number| *number != 0),
        ..External::default()
    }
}

/// Which endpoints may serve (core/v1 ServiceSpec.externalTrafficPolicy, internalTrafficPolicy).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Policy {
    Cluster,
    Local,
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

/// The ready endpoints of a port, of which the nearest; if there are none, those that still serve while they end (KEP-1669).
fn endpoints(
    port: &ApiServicePort,
    slices: &[&EndpointSlice],
    policy: Policy,
    place: &Place,
) -> BTreeSet<SocketAddrV4> {
    let mut all = of_port(port, slices);
    all.retain(|(endpoint, _)| {
        policy == Policy::Cluster || endpoint.node_name.as_deref() == Some(&place.node)
    });
    let ready: Vec<_> = all.iter().copied().filter(|(it, _)| is_ready(it)).collect();
    if ready.is_empty() {
        let ending = all.into_iter().filter(|(endpoint, _)| {
            condition(endpoint, |c| c.serving).unwrap_or(false)
                && condition(endpoint, |c| c.terminating).unwrap_or(false)
        });
        return ending.map(|(_, address)| address).collect();
    }
    match policy {
        Policy::Cluster => nearest(ready, place).into_iter().collect(),
        Policy::Local => ready.into_iter().map(|(_, address)| address).collect(),
    }
}

/// The endpoints that are not ready; they leave their slice when their Pod is gone.
fn draining(port: &ApiServicePort, slices: &[&EndpointSlice]) -> BTreeSet<SocketAddrV4> {
    let mut all = of_port(port, slices);
    all.retain(|(endpoint, _)| !is_ready(endpoint));
    all.into_iter().map(|(_, address)| address).collect()
}

fn is_ready(endpoint: &Endpoint) -> bool {
    condition(endpoint, |c| c.ready).unwrap_or(true)
}

fn condition(
    endpoint: &Endpoint,
    of: impl Fn(&EndpointConditions) -> Option<bool>,
) -> Option<bool> {
    endpoint.conditions.as_ref().and_then(of)
}

/// The endpoints of a port, with their addresses.
fn of_port<'a>(
    port: &ApiServicePort,
    slices: &[&'a EndpointSlice],
) -> Vec<(&'a Endpoint, SocketAddrV4)> {
    let mut found = Vec::new();
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
        for endpoint in slice.endpoints.iter().flatten() {
            let addresses = endpoint.addresses.iter();
            let parsed = addresses.filter_map(|address| address.parse().ok());
            found.extend(parsed.map(|ip| (endpoint, SocketAddrV4::new(ip, target))));
        }
    }
    found
}
