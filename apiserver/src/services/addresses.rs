//! IPAddresses, which are what keeps an address from being given twice
//! (<https://kubernetes.io/docs/reference/networking/virtual-ips/#ip-address-objects>).

use std::net::IpAddr;

use jiff::Timestamp;
use serde_json::{Value, json};
use skiff_api::metadata;
use skiff_store::{Entry, Key, Revision, Snapshot};

use super::plan;

/// Where IPAddresses are in the store.
pub(crate) const ADDRESSES: &str = "/registry/networking.k8s.io/ipaddresses/";
const SERVICES: &str = "/registry/core/services/";
/// As the allocator of Kubernetes marks its own.
const MANAGER: &str = "ipallocator.k8s.io";

/// An IPAddress that somebody has deleted though its Service holds it.
#[derive(Debug, PartialEq)]
pub(crate) struct Missing {
    pub(crate) key: Key,
    pub(crate) object: Value,
    /// The Service, and when it was written last.
    pub(crate) holder: (Key, Revision),
}

/// The name of an address, in the one form that it has.
pub(super) fn name(address: &str) -> String {
    let parsed: Result<IpAddr, _> = address.parse();
    parsed.map_or_else(|_| address.to_owned(), |address| address.to_string())
}

/// The IPAddress of an address that a Service holds.
pub(super) fn object(address: &str, service: &Value) -> Value {
    let family = if address.contains(':') {
        "IPv6"
    } else {
        "IPv4"
    };
    json!({
        "apiVersion": "networking.k8s.io/v1",
        "kind": "IPAddress",
        "metadata": {
            "name": name(address),
            "uid": uuid::Uuid::new_v4().to_string(),
            "creationTimestamp": Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            "labels": {
                "ipaddress.kubernetes.io/ip-family": family,
                "ipaddress.kubernetes.io/managed-by": MANAGER,
            },
        },
        "spec": {"parentRef": {
            "resource": "services",
            "namespace": metadata::namespace(service),
            "name": metadata::name(service),
        }},
    })
}

/// All that were given to Services.
pub(super) fn given(snapshot: &Snapshot) -> impl Iterator<Item = IpAddr> {
    snapshot.range(ADDRESSES, None).filter_map(|entry| {
        let object: Value = serde_json::from_slice(&entry.value).ok()?;
        let by = object.pointer("/metadata/labels/ipaddress.kubernetes.io~1managed-by");
        let address = metadata::name(&object).parse().ok()?;
        by.is_some_and(|by| by == MANAGER).then_some(address)
    })
}

/// All that are missing.
pub(crate) fn all_missing(snapshot: &Snapshot) -> Vec<Missing> {
    let services = snapshot.range(SERVICES, None);
    services
        .flat_map(|service| missing(snapshot, service))
        .collect()
}

/// The one that was deleted, if its Service stands and holds it.
pub(crate) fn missing_again(snapshot: &Snapshot, deleted: &Entry) -> Option<Missing> {
    let object: Value = serde_json::from_slice(&deleted.value).ok()?;
    let of = |field: &str| object["spec"]["parentRef"][field].as_str();
    let (namespace, name) = (of("namespace")?, of("name")?);
    let service = snapshot.get(&format!("{SERVICES}{namespace}/{name}"))?;
    let mut missing = missing(snapshot, service).into_iter();
    missing.find(|missing| missing.key == deleted.key)
}

/// Those of a Service.
fn missing(snapshot: &Snapshot, entry: &Entry) -> Vec<Missing> {
    let service: Value = serde_json::from_slice(&entry.value).unwrap_or_default();
    let held = plan::holdings(&service).addresses.into_iter();
    held.filter_map(|address| {
        let key = Key::new(format!("{ADDRESSES}{}", name(&address))).ok()?;
        snapshot.get(&key).is_none().then(|| Missing {
            key,
            object: object(&address, &service),
            holder: (entry.key.clone(), entry.revision),
        })
    })
    .collect()
}
