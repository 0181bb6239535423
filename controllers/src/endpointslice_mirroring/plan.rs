//! What the slices of Endpoints look like, and the writes that bring them about: pure.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{EndpointAddress, EndpointSubset, Endpoints, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use crate::endpointslice::{Changes, MANAGED_BY, SERVICE_NAME};
use crate::ownership::controller_reference;
use crate::service_pods::CHANGE_TRIGGER_TIME;

/// Who the mirrors are of.
pub(super) const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
/// How many addresses of a subset are mirrored (kube-controller-manager's `--mirroring-max-endpoints-per-subset`), and
/// the most that a slice takes.
pub(super) const MAX_ADDRESSES: usize = 1000;
/// By this label Endpoints say that their slices are made by whom they are made.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
/// By this annotation Endpoints say that they hold a lock and no endpoints.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
/// What is said of the original alone.
const NOT_COPIED: [&str; 2] = [
    "kubectl.kubernetes.io/last-applied-configuration",
    CHANGE_TRIGGER_TIME,
];

/// The slices that show Endpoints, and how many addresses they do not show.
#[derive(Debug)]
pub(super) struct Mirror {
    pub(super) slices: Vec<EndpointSlice>,
    pub(super) invalid: usize,
    pub(super) too_many: usize,
}

/// Whether Endpoints are mirrored: those of a Service with a selector are the endpoints controller's, which makes
/// slices as well.
pub(super) fn is_mirrored(endpoints: &Endpoints, service: &Service) -> bool {
    let spec = service.spec.as_ref();
    let selector = spec.and_then(|spec| spec.selector.as_ref());
    selector.is_none_or(BTreeMap::is_empty)
        && endpoints.labels().get(SKIP).map(String::as_str) != Some("true")
        && !endpoints.annotations().contains_key(LEADER)
        && endpoints.metadata.deletion_timestamp.is_none()
}

/// `addressType` and ports: what all endpoints of a slice have in common.
type Common = (&'static str, Vec<(String, i32, String, Option<String>)>);

/// The slices of Endpoints: one for each family and set of ports, or more if one is full.
pub(super) fn mirror(endpoints: &Endpoints) -> Mirror {
    let mut shown: BTreeMap<Common, Vec<Endpoint>> = BTreeMap::new();
    let (mut invalid, mut too_many) = (0, 0);
    for subset in endpoints.subsets.iter().flatten() {
        let mut taken = 0;
        for (address, ready) in addresses(subset) {
            let Some(family) = family(address) else {
                invalid += 1;
                continue;
            };
            if taken == MAX_ADDRESSES {
                too_many += 1;
                continue;
            }
            taken += 1;
            let common = (family, ports(subset));
            let of_common = shown.entry(common).or_default();
            of_common.push(endpoint(address, ready));
        }
    }
    let slices = shown.into_iter().flat_map(|(common, all)| {
        let slice = |some: &[Endpoint]| slice(endpoints, &common, some.to_vec());
        all.chunks(MAX_ADDRESSES).map(slice).collect::<Vec<_>>()
    });
    Mirror {
        slices: slices.collect(),
        invalid,
        too_many,
    }
}

fn addresses(subset: &EndpointSubset) -> impl Iterator<Item = (&EndpointAddress, bool)> {
    let ready = subset.addresses.iter().flatten();
    let not_ready = subset.not_ready_addresses.iter().flatten();
    ready
        .map(|address| (address, true))
        .chain(not_ready.map(|address| (address, false)))
}

fn family(address: &EndpointAddress) -> Option<&'static str> {
    match address.ip.parse().ok()? {
        IpAddr::V4(_) => Some("IPv4"),
        IpAddr::V6(_) => Some("IPv6"),
    }
}

fn ports(subset: &EndpointSubset) -> Vec<(String, i32, String, Option<String>)> {
    let ports = subset.ports.iter().flatten();
    let mut ports: Vec<_> = ports
        .map(|port| {
            let protocol = port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
            let name = port.name.clone().unwrap_or_default();
            (name, port.port, protocol, port.app_protocol.clone())
        })
        .collect();
    ports.sort();
    ports
}

fn endpoint(address: &EndpointAddress, ready: bool) -> Endpoint {
    Endpoint {
        addresses: vec![address.ip.clone()],
        conditions: Some(EndpointConditions {
            ready: Some(ready),
            ..EndpointConditions::default()
        }),
        hostname: address.hostname.clone().filter(|name| !name.is_empty()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    }
}

fn slice(endpoints: &Endpoints, (family, ports): &Common, shown: Vec<Endpoint>) -> EndpointSlice {
    let mut labels = endpoints.labels().clone();
    labels.insert(SERVICE_NAME.to_owned(), endpoints.name_any());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    let mut annotations = endpoints.annotations().clone();
    annotations.retain(|name, _| !NOT_COPIED.contains(&name.as_str()));
    let port = |(name, port, protocol, app_protocol): &(_, i32, _, _)| EndpointPort {
        name: Some(String::clone(name)),
        port: Some(*port),
        protocol: Some(String::clone(protocol)),
        app_protocol: Option::clone(app_protocol),
    };
    EndpointSlice {
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", endpoints.name_any())),
            namespace: endpoints.namespace(),
            labels: Some(labels),
            annotations: Some(annotations).filter(|all| !all.is_empty()),
            owner_references: Some(vec![controller_reference(endpoints)]),
            ..ObjectMeta::default()
        },
        address_type: (*family).to_owned(),
        endpoints: Some(shown),
        ports: Some(ports.iter().map(port).collect()),
    }
}

/// The writes from the `existing` mirrors to the `wanted` ones. A mirror stays where family and ports do, else it takes
/// on other ports of its family; the family of a slice cannot change.
pub(super) fn plan(wanted: Vec<EndpointSlice>, existing: Vec<Arc<EndpointSlice>>) -> Changes {
    let mut changes = Changes::default();
    let mut left = existing;
    let mut homeless = Vec::new();
    for want in wanted {
        let is_home = |has: &Arc<EndpointSlice>| {
            has.address_type == want.address_type && has.ports == want.ports
        };
        match left.iter().position(is_home) {
            Some(home) => changes.update.extend(updated(want, &left.remove(home))),
            None => homeless.push(want),
        }
    }
    for want in homeless {
        let fits = |has: &Arc<EndpointSlice>| has.address_type == want.address_type;
        match left.iter().position(fits) {
            Some(free) => changes.update.extend(updated(want, &left.remove(free))),
            None => changes.create.push(want),
        }
    }
    changes.delete = left;
    changes
}

/// The slice as it is to be written; none if it says all that already.
fn updated(want: EndpointSlice, has: &EndpointSlice) -> Option<EndpointSlice> {
    let mut metadata = has.metadata.clone();
    metadata.labels = want.metadata.labels;
    metadata.annotations = want.metadata.annotations;
    metadata.owner_references = want.metadata.owner_references;
    let updated = EndpointSlice { metadata, ..want };
    (updated != *has).then_some(updated)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn endpoints(subsets: Value) -> Endpoints {
        let metadata = json!({"name": "db", "namespace": "default", "uid": "e", "labels": {"app": "db"},
            "annotations": {NOT_COPIED[0]: "{}", "note": "ours"}});
        serde_json::from_value(json!({"metadata": metadata, "subsets": subsets})).unwrap()
    }

    fn subset(addresses: &[&str], port: u16) -> Value {
        let addresses: Vec<_> = addresses.iter().map(|ip| json!({ "ip": ip })).collect();
        json!({"addresses": addresses, "ports": [{"name": "sql", "port": port}]})
    }

    #[test]
    fn endpoints_without_a_selector_are_mirrored() {
        let service = |selector: Value| -> Service {
            serde_json::from_value(json!({"spec": {"selector": selector}})).unwrap()
        };
        let plain = endpoints(json!([]));
        let (mut skipped, mut lock) = (plain.clone(), plain.clone());
        skipped.labels_mut().insert(SKIP.into(), "true".into());
        lock.annotations_mut().insert(LEADER.into(), "{}".into());
        assert!(is_mirrored(&plain, &service(Value::Null)));
        assert!(is_mirrored(&plain, &service(json!({}))));
        assert!(!is_mirrored(&plain, &service(json!({"app": "db"}))));
        assert!(!is_mirrored(&skipped, &service(Value::Null)));
        assert!(!is_mirrored(&lock, &service(Value::Null)));
    }

    #[test]
    fn a_mirror_shows_what_the_original_says() {
        let subsets = json!([{
            "addresses": [{"ip": "192.0.2.7", "hostname": "db-0", "nodeName": "n1"}],
            "notReadyAddresses": [{"ip": "fd00::7"}, {"ip": "192.0.2.8"}, {"ip": "nowhere"}],
            "ports": [{"name": "sql", "port": 5432, "protocol": "TCP"}],
        }]);
        let mirror = mirror(&endpoints(subsets));
        assert_eq!((mirror.invalid, mirror.too_many), (1, 0));
        insta::assert_yaml_snapshot!(mirror.slices[0], @r#"
        apiVersion: discovery.k8s.io/v1
        kind: EndpointSlice
        addressType: IPv4
        endpoints:
          - addresses:
              - 192.0.2.7
            conditions:
              ready: true
            hostname: db-0
            nodeName: n1
          - addresses:
              - 192.0.2.8
            conditions:
              ready: false
        metadata:
          annotations:
            note: ours
          generateName: db-
          labels:
            app: db
            endpointslice.kubernetes.io/managed-by: endpointslicemirroring-controller.k8s.io
            kubernetes.io/service-name: db
          namespace: default
          ownerReferences:
            - apiVersion: v1
              blockOwnerDeletion: true
              controller: true
              kind: Endpoints
              name: db
              uid: e
        ports:
          - name: sql
            port: 5432
            protocol: TCP
        "#);
        assert_eq!(mirror.slices[1].address_type, "IPv6");
        assert_eq!(mirror.slices.len(), 2);
    }

    #[test]
    fn a_thousand_addresses_of_a_subset_are_mirrored() {
        let many: Vec<String> = (0..1003)
            .map(|i| format!("10.0.{}.{}", i / 250, i % 250))
            .collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        // Two subsets with the same ports share their slices.
        let mirror = mirror(&endpoints(json!([
            subset(&many, 1),
            subset(&["10.1.0.1"], 1)
        ])));
        let sizes: Vec<_> = mirror
            .slices
            .iter()
            .map(|slice| slice.endpoints.iter().flatten().count())
            .collect();
        assert_eq!((sizes, mirror.too_many), (vec![1000, 1], 3));
    }

    #[test]
    fn mirrors_are_written_as_seldom_as_can_be() {
        let slices = |subsets: Value| mirror(&endpoints(subsets)).slices;
        let existing = |subsets: Value| slices(subsets).into_iter().map(Arc::new).collect();
        let one = || json!([subset(&["10.0.0.1"], 1)]);
        // from | to | created, updated, deleted
        let cases = [
            (json!([]), one(), (1, 0, 0)),
            (one(), one(), (0, 0, 0)),
            (one(), json!([subset(&["10.0.0.2"], 1)]), (0, 1, 0)),
            (one(), json!([subset(&["10.0.0.1"], 2)]), (0, 1, 0)),
            (
                one(),
                json!([subset(&["10.0.0.3"], 2), subset(&["10.0.0.1"], 1)]),
                (1, 0, 0),
            ),
            (one(), json!([subset(&["fd00::1"], 1)]), (1, 0, 1)),
            (one(), json!([]), (0, 0, 1)),
        ];
        for (from, to, expected) in cases {
            let changes = plan(slices(to.clone()), existing(from.clone()));
            let counts = (
                changes.create.len(),
                changes.update.len(),
                changes.delete.len(),
            );
            assert_eq!(counts, expected, "{from} {to}");
        }
    }
}
