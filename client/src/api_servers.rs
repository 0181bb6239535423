//! Where the API servers of the cluster are.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::ResourceExt;
use tokio::sync::watch;

use crate::{Change, Informers};

/// The EndpointSlice of the `kubernetes` Service, which the API servers keep themselves.
const SLICE: (&str, &str) = ("default", "kubernetes");

/// Where the API servers of the cluster that live are, as it changes; empty until that is known. A machine of the control
/// plane has all parts of it, so cluster DNS and what serves Ingresses are there as well.
pub fn api_servers(informers: &Informers) -> watch::Receiver<BTreeSet<SocketAddr>> {
    let (tell, told) = watch::channel(BTreeSet::new());
    informers.all::<EndpointSlice>().on_change(move |change| {
        let slice = change.object();
        let place = (slice.namespace().unwrap_or_default(), slice.name_any());
        let is_theirs = (place.0.as_str(), place.1.as_str()) == SLICE;
        // One that somebody deleted comes back, and the servers are where they were.
        if !is_theirs || matches!(change, Change::Deleted(_)) {
            return;
        }
        let now = addresses(slice);
        tell.send_if_modified(|known| {
            let is_new = *known != now;
            *known = now;
            is_new
        });
    });
    told
}

fn addresses(slice: &EndpointSlice) -> BTreeSet<SocketAddr> {
    let port = slice.ports.iter().flatten().find_map(|port| port.port);
    let Some(port) = port.and_then(|port| u16::try_from(port).ok()) else {
        return BTreeSet::new();
    };
    let endpoints = slice.endpoints.iter().flatten();
    let hosts = endpoints.flat_map(|endpoint| &endpoint.addresses);
    hosts
        .filter_map(|host| host.parse::<IpAddr>().ok())
        .map(|host| SocketAddr::new(host, port))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json};

    #[test]
    fn they_are_behind_the_kubernetes_service() {
        let slice: EndpointSlice = from_value(json!({
            "addressType": "IPv4",
            "endpoints": [{"addresses": ["192.0.2.2"]}, {"addresses": ["192.0.2.1"]}],
            "ports": [{"name": "https", "port": 6443}],
        }))
        .expect("a slice");
        let found: Vec<String> = addresses(&slice).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["192.0.2.1:6443", "192.0.2.2:6443"]);
    }
}
