//! Services without Pods, and their EndpointSlices.

use std::net::{Ipv4Addr, SocketAddrV4};

use bytes::Bytes;
use serde_json::{Value, json};

/// The network for benches (RFC 2544): nobody is there. The first half has endpoints, the second those that come anew.
const ENDPOINTS: u32 = 0xc612_0000;
const FRESH_ENDPOINTS: u32 = 0xc613_0000;
/// The port of all these endpoints.
const PORT: u16 = 8080;

/// The name of a Service and of its slice.
pub(super) fn name(service: u32) -> String {
    format!("web-{service:05}")
}

/// A Service of this name.
pub(super) fn service(name: &str) -> Bytes {
    let service = json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": { "name": name, "labels": { "app.kubernetes.io/managed-by": "skiff-bench" } },
        "spec": { "ports": [{ "port": 80, "targetPort": PORT }] },
    });
    service.to_string().into()
}

/// The slice of a Service, with its two endpoints.
pub(super) fn slice(service: u32) -> Bytes {
    let addresses = endpoints(service).map(|endpoint| *endpoint.ip());
    slice_of(&name(service), &addresses, PORT)
}

/// The slice after its second endpoint was replaced by the one of [`fresh_endpoint`].
pub(super) fn changed_slice(service: u32) -> Bytes {
    let [first, _] = endpoints(service);
    let addresses = [first, fresh_endpoint(service)].map(|endpoint| *endpoint.ip());
    slice_of(&name(service), &addresses, PORT)
}

/// The endpoint that a changed slice has.
pub(super) fn fresh_endpoint(service: u32) -> SocketAddrV4 {
    SocketAddrV4::new((FRESH_ENDPOINTS + service).into(), PORT)
}

/// The endpoints that a Service begins with. Each has two of its own up to 32,768 Services.
pub(super) fn endpoints(service: u32) -> [SocketAddrV4; 2] {
    [0, 1].map(|one| {
        let address = ENDPOINTS + (service * 2 + one) % 0x1_0000;
        SocketAddrV4::new(address.into(), PORT)
    })
}

/// The slice of a Service of this name.
pub(super) fn slice_of(service: &str, endpoints: &[Ipv4Addr], port: u16) -> Bytes {
    let endpoints: Vec<Value> = endpoints
        .iter()
        .map(|address| json!({ "addresses": [address], "conditions": { "ready": true } }))
        .collect();
    let slice = json!({
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
        "metadata": { "name": service, "labels": { "kubernetes.io/service-name": service } },
        "addressType": "IPv4",
        "ports": [{ "port": port, "protocol": "TCP" }],
        "endpoints": endpoints,
    });
    slice.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_replaces_the_second_endpoint() {
        let parsed = |slice: Bytes| -> Value { serde_json::from_slice(&slice).expect("JSON") };
        let addresses =
            |slice: &Value| [0, 1].map(|at| slice["endpoints"][at]["addresses"][0].clone());
        let (before, after) = (parsed(slice(7)), parsed(changed_slice(7)));
        assert_eq!(addresses(&before), ["198.18.0.14", "198.18.0.15"]);
        assert_eq!(addresses(&after), ["198.18.0.14", "198.19.0.7"]);
        assert_eq!(fresh_endpoint(7).to_string(), "198.19.0.7:8080");
        assert_eq!(after["metadata"]["name"], "web-00007");
    }
}
