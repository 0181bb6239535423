//! The stamps of a slice that was written.

use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use skiff_api::trace::{Stage, stamp};

/// Stamps the Pods that are ready in the slice and were not before.
pub(super) fn written(service: &str, old: Option<&EndpointSlice>, new: &EndpointSlice) {
    let known: Vec<&str> = old
        .iter()
        .flat_map(|old| ready(old))
        .map(|(uid, _)| uid)
        .collect();
    for (uid, endpoint) in ready(new).filter(|(uid, _)| !known.contains(uid)) {
        stamp(Stage::InEndpoints, uid, service);
        stamp(Stage::InEndpoints, service, endpoint.addresses.join(","));
    }
}

fn ready(slice: &EndpointSlice) -> impl Iterator<Item = (&str, &Endpoint)> {
    let endpoints = slice.endpoints.iter().flatten();
    let ready = endpoints.filter(|endpoint| {
        let conditions = endpoint.conditions.as_ref();
        conditions.and_then(|is| is.ready).unwrap_or(true)
    });
    ready.filter_map(|endpoint| Some((endpoint.target_ref.as_ref()?.uid.as_deref()?, endpoint)))
}
