//! Which endpoints a Service should have, and what its slices look like.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{Pod, Service};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use super::diff::{Changes, diff};
use super::endpoint::endpoint;
use super::{MANAGED_BY, SERVICE_NAME};
use crate::ownership::controller_reference;
use crate::service_pods::{HEADLESS, Port, backend, is_headless, ports};

/// Who marks its slices so.
pub(super) const MANAGER: &str = "endpointslice-controller.k8s.io";

/// The addresses of one family, as `addressType` of a slice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "IPv4",
            Family::V6 => "IPv6",
        }
    }

    fn has(self, address: &IpAddr) -> bool {
        address.is_ipv4() == (self == Family::V4)
    }

    /// The families of a Service; IPv4 if it does not say.
    fn of(service: &Service) -> Vec<Self> {
        let named = service
            .spec
            .as_ref()
            .and_then(|spec| spec.ip_families.as_deref());
        let families: Vec<Self> = named
            .unwrap_or_default()
            .iter()
            .map(|family| {
                if family == "IPv6" {
                    Family::V6
                } else {
                    Family::V4
                }
            })
            .collect();
        if families.is_empty() {
            vec![Family::V4]
        } else {
            families
        }
    }
}

/// What is to be changed so that `slices`, all that there are of the Service, show `pods`.
pub(super) fn plan(
    service: &Service,
    pods: &[Arc<Pod>],
    zone_of: impl Fn(&str) -> Option<String>,
    slices: &[Arc<EndpointSlice>],
) -> Changes {
    let mut changes = Changes::default();
    let families = Family::of(service);
    for family in &families {
        let wanted = wanted(service, pods, &zone_of, *family);
        let existing: Vec<_> = slices
            .iter()
            .filter(|slice| slice.address_type == family.as_str())
            .cloned()
            .collect();
        changes.append(diff(&blank(service, *family), wanted, &existing));
    }
    let stray = |slice: &&Arc<EndpointSlice>| {
        !families
            .iter()
            .any(|family| slice.address_type == family.as_str())
    };
    changes.delete.extend(slices.iter().filter(stray).cloned());
    changes
}

/// The endpoints by their ports, for Pods may have different ports of the same name.
fn wanted(
    service: &Service,
    pods: &[Arc<Pod>],
    zone_of: &impl Fn(&str) -> Option<String>,
    family: Family,
) -> BTreeMap<Vec<Port>, Vec<Endpoint>> {
    let mut wanted: BTreeMap<Vec<Port>, Vec<Endpoint>> = BTreeMap::new();
    let mut pods: Vec<_> = pods.iter().collect();
    pods.sort_by_key(|pod| pod.name_any());
    for pod in pods {
        let Some(backend) = backend(pod) else {
            continue;
        };
        let Some(address) = backend.addresses.iter().find(|address| family.has(address)) else {
            continue;
        };
        let zone = backend.node.as_deref().and_then(zone_of);
        let endpoint = endpoint(service, &backend, *address, zone);
        wanted
            .entry(ports(service, pod))
            .or_default()
            .push(endpoint);
    }
    wanted
}

/// A slice without endpoints and ports.
fn blank(service: &Service, family: Family) -> EndpointSlice {
    let mut labels = service.labels().clone();
    labels.remove(HEADLESS);
    labels.insert(SERVICE_NAME.to_owned(), service.name_any());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    EndpointSlice {
        address_type: family.as_str().to_owned(),
        metadata: ObjectMeta {
            generate_name: Some(format!("{}-", service.name_any())),
            namespace: service.namespace(),
            labels: Some(labels),
            owner_references: Some(vec![controller_reference(service)]),
            ..ObjectMeta::default()
        },
        ..EndpointSlice::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(spec: Value) -> Service {
        let mut service = json!({"metadata": {"name": "web", "namespace": "default", "uid": "s", "labels": {"app": "web"}},
            "spec": {"clusterIP": "10.96.0.7", "selector": {"app": "web"},
                "ports": [{"port": 80, "targetPort": 8080, "protocol": "TCP"}]}});
        for (key, value) in spec.as_object().unwrap() {
            service["spec"][key] = value.clone();
        }
        serde_json::from_value(service).unwrap()
    }

    fn pod(name: &str, ip: &str, ready: bool, deleting: bool) -> Arc<Pod> {
        let pod = json!({
            "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"},
                "deletionTimestamp": deleting.then_some("2026-01-01T00:00:00Z")},
            "spec": {"nodeName": "n1", "hostname": name, "subdomain": "web", "containers": []},
            "status": {"phase": "Running", "podIP": ip, "podIPs": [{"ip": ip}],
                "conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn zone(node: &str) -> Option<String> {
        (node == "n1").then(|| "z1".to_owned())
    }

    #[test]
    fn a_slice_shows_address_conditions_and_place() {
        let changes = plan(
            &service(json!({})),
            &[pod("web-0", "10.244.0.5", true, false)],
            zone,
            &[],
        );
        insta::assert_yaml_snapshot!(changes.create, @r#"
        - apiVersion: discovery.k8s.io/v1
          kind: EndpointSlice
          addressType: IPv4
          endpoints:
            - addresses:
                - 10.244.0.5
              conditions:
                ready: true
                serving: true
                terminating: false
              hostname: web-0
              nodeName: n1
              targetRef:
                kind: Pod
                name: web-0
                namespace: default
                uid: web-0
              zone: z1
          metadata:
            generateName: web-
            labels:
              app: web
              endpointslice.kubernetes.io/managed-by: endpointslice-controller.k8s.io
              kubernetes.io/service-name: web
            namespace: default
            ownerReferences:
              - apiVersion: v1
                blockOwnerDeletion: true
                controller: true
                kind: Service
                name: web
                uid: s
          ports:
            - name: ""
              port: 8080
              protocol: TCP
        "#);
    }

    #[test]
    fn conditions_follow_the_pod() {
        // ready, deleting, publishNotReadyAddresses: ready, serving, terminating
        let cases = [
            (true, false, false, Some((true, true, false))),
            (false, false, false, Some((false, false, false))),
            (true, true, false, Some((false, true, true))),
            (false, true, false, Some((false, false, true))),
            (false, false, true, Some((true, false, false))),
            (true, true, true, Some((true, true, true))),
        ];
        for (ready, deleting, publish, expected) in cases {
            let service = service(json!({"publishNotReadyAddresses": publish}));
            let changes = plan(
                &service,
                &[pod("web-0", "10.244.0.5", ready, deleting)],
                zone,
                &[],
            );
            let endpoints = changes.create[0].endpoints.clone().unwrap_or_default();
            let conditions = endpoints
                .first()
                .and_then(|endpoint| endpoint.conditions.clone());
            let shown =
                conditions.map(|c| (c.ready.unwrap(), c.serving.unwrap(), c.terminating.unwrap()));
            assert_eq!(
                shown, expected,
                "ready {ready}, deleting {deleting}, publish {publish}"
            );
        }
    }

    #[test]
    fn without_pods_there_is_an_empty_slice() {
        let changes = plan(&service(json!({"clusterIP": "None"})), &[], zone, &[]);
        assert_eq!(changes.create.len(), 1);
        assert_eq!(changes.create[0].endpoints, Some(vec![]));
        assert_eq!(changes.create[0].labels()[HEADLESS], "");
        let again = plan(
            &service(json!({"clusterIP": "None"})),
            &[],
            zone,
            &[Arc::new(changes.create[0].clone())],
        );
        assert!(again.is_empty(), "{again:?}");
    }

    #[test]
    fn slices_of_another_family_go() {
        let v4 = plan(&service(json!({})), &[], zone, &[]).create.remove(0);
        let changes = plan(
            &service(json!({"ipFamilies": ["IPv6"]})),
            &[pod("a", "fd00::1", true, false)],
            zone,
            &[Arc::new(v4)],
        );
        assert_eq!(changes.delete.len(), 1);
        assert_eq!(changes.create[0].address_type, "IPv6");
    }
}
