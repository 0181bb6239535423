//! What the Endpoints of a Service look like.

use std::collections::BTreeMap;
use std::sync::Arc;

use k8s_openapi::api::core::v1::{
    EndpointAddress, EndpointPort, EndpointSubset, Endpoints, Pod, Service,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::ResourceExt;

use crate::service_pods::{
    Backend, CHANGE_TRIGGER_TIME, HEADLESS, Port, backend, is_headless, ports, publishes_not_ready,
};

/// The most addresses in one object; the rest is left out and said to be.
const MAX_ADDRESSES: usize = 1000;
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";

/// The Endpoints as they are to be written, `None` if they are so already. `trigger` is the time of the newest change.
pub(super) fn plan(
    service: &Service,
    pods: &[Arc<Pod>],
    existing: Option<&Endpoints>,
    trigger: Option<String>,
) -> Option<Endpoints> {
    let mut subsets = subsets(service, pods);
    let truncated = truncate(&mut subsets);
    let mut wanted = Endpoints {
        metadata: existing.map_or_else(|| blank(service), |existing| existing.metadata.clone()),
        subsets: (!subsets.is_empty()).then_some(subsets),
    };
    wanted.metadata.labels = Some(labels(service));
    let annotations = wanted.metadata.annotations.get_or_insert_default();
    annotations.remove(OVER_CAPACITY);
    if truncated {
        annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
    }
    if existing.is_some_and(|existing| same(existing, &wanted)) {
        return None;
    }
    let annotations = wanted.metadata.annotations.get_or_insert_default();
    annotations.remove(CHANGE_TRIGGER_TIME);
    annotations.extend(trigger.map(|time| (CHANGE_TRIGGER_TIME.to_owned(), time)));
    Some(wanted)
}

fn same(existing: &Endpoints, wanted: &Endpoints) -> bool {
    existing.subsets.as_deref().unwrap_or_default() == wanted.subsets.as_deref().unwrap_or_default()
        && existing.labels() == wanted.labels()
        && existing.annotations() == wanted.annotations()
}

fn blank(service: &Service) -> ObjectMeta {
    ObjectMeta {
        name: Some(service.name_any()),
        namespace: service.namespace(),
        ..ObjectMeta::default()
    }
}

fn labels(service: &Service) -> BTreeMap<String, String> {
    let mut labels = service.labels().clone();
    labels.remove(HEADLESS);
    if is_headless(service) {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(MANAGED_BY.to_owned(), "endpoint-controller".to_owned());
    labels
}

/// A subset for each set of ports, each with its addresses in order.
fn subsets(service: &Service, pods: &[Arc<Pod>]) -> Vec<EndpointSubset> {
    let mut by_ports: BTreeMap<Vec<Port>, Vec<Backend>> = BTreeMap::new();
    let portless = service
        .spec
        .as_ref()
        .is_none_or(|spec| spec.ports.as_ref().is_none_or(Vec::is_empty));
    for pod in pods {
        let Some(backend) = backend(pod) else {
            continue;
        };
        if backend.terminating && !publishes_not_ready(service) {
            continue;
        }
        let ports = ports(service, pod);
        // Only a headless Service may have none; a named port that the Pod lacks leaves it out.
        if !ports.is_empty() || (portless && is_headless(service)) {
            by_ports.entry(ports).or_default().push(backend);
        }
    }
    by_ports
        .into_iter()
        .filter_map(|(ports, backends)| subset(service, &ports, backends))
        .collect()
}

fn subset(service: &Service, ports: &[Port], mut backends: Vec<Backend>) -> Option<EndpointSubset> {
    let v6 = service
        .spec
        .as_ref()
        .and_then(|spec| spec.ip_families.as_ref()?.first())
        .is_some_and(|family| family == "IPv6");
    backends.retain(|backend| {
        backend
            .addresses
            .iter()
            .any(|address| address.is_ipv6() == v6)
    });
    backends
        .sort_by(|a, b| (&a.addresses, &a.reference.uid).cmp(&(&b.addresses, &b.reference.uid)));
    let usable = |backend: &Backend| backend.ready || publishes_not_ready(service);
    let (ready, not_ready): (Vec<_>, Vec<_>) = backends.into_iter().partition(usable);
    let addresses = |backends: Vec<Backend>| {
        let shown: Vec<_> = backends
            .iter()
            .filter_map(|backend| address(service, backend, v6))
            .collect();
        (!shown.is_empty()).then_some(shown)
    };
    let (ready, not_ready) = (addresses(ready), addresses(not_ready));
    (ready.is_some() || not_ready.is_some()).then(|| EndpointSubset {
        addresses: ready,
        not_ready_addresses: not_ready,
        ports: (!ports.is_empty()).then(|| ports.iter().map(endpoint_port).collect()),
    })
}

fn address(service: &Service, backend: &Backend, v6: bool) -> Option<EndpointAddress> {
    let ip = backend
        .addresses
        .iter()
        .find(|address| address.is_ipv6() == v6)?;
    Some(EndpointAddress {
        ip: ip.to_string(),
        hostname: backend.hostname(service),
        node_name: backend.node.clone(),
        target_ref: Some(backend.reference.clone()),
    })
}

fn endpoint_port(port: &Port) -> EndpointPort {
    EndpointPort {
        name: (!port.name.is_empty()).then(|| port.name.clone()),
        port: port.port,
        protocol: Some(port.protocol.clone()),
        app_protocol: port.app_protocol.clone(),
    }
}

/// Leaves at most [`MAX_ADDRESSES`], ready ones before others; says whether any was left out.
fn truncate(subsets: &mut [EndpointSubset]) -> bool {
    let mut room = MAX_ADDRESSES;
    let mut cut = |addresses: &mut Option<Vec<EndpointAddress>>| {
        let all = addresses.as_ref().map_or(0, Vec::len);
        let kept = all.min(room);
        room -= kept;
        *addresses = addresses.take().filter(|_| kept > 0);
        addresses
            .iter_mut()
            .for_each(|addresses| addresses.truncate(kept));
        kept < all
    };
    let mut truncated = false;
    for subset in subsets.iter_mut() {
        truncated |= cut(&mut subset.addresses);
    }
    for subset in subsets.iter_mut() {
        truncated |= cut(&mut subset.not_ready_addresses);
    }
    truncated
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn service(spec: Value) -> Service {
        let mut service = json!({"metadata": {"name": "web", "namespace": "default", "labels": {"app": "web"}},
            "spec": {"clusterIP": "10.96.0.7", "selector": {"app": "web"},
                "ports": [{"name": "http", "port": 80, "targetPort": "web", "protocol": "TCP"}]}});
        for (key, value) in spec.as_object().unwrap() {
            service["spec"][key] = value.clone();
        }
        serde_json::from_value(service).unwrap()
    }

    fn pod(name: &str, ip: &str, port: i32, ready: bool) -> Arc<Pod> {
        let pod = json!({
            "metadata": {"name": name, "namespace": "default", "uid": name, "labels": {"app": "web"}},
            "spec": {"nodeName": "n1", "containers": [{"name": "c", "ports": [{"name": "web", "containerPort": port}]}]},
            "status": {"phase": "Running", "podIP": ip, "conditions": [
                {"type": "Ready", "status": if ready { "True" } else { "False" }}]},
        });
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn ready_and_unready_addresses_stand_apart_by_ports() {
        let pods = [
            pod("b", "10.244.0.6", 8080, true),
            pod("a", "10.244.0.5", 8080, true),
            pod("c", "10.244.0.7", 8080, false),
            pod("d", "10.244.0.8", 9090, true),
        ];
        let endpoints = plan(
            &service(json!({})),
            &pods,
            None,
            Some("2026-01-01T00:00:00Z".into()),
        )
        .unwrap();
        insta::assert_yaml_snapshot!(endpoints, @r#"
        apiVersion: v1
        kind: Endpoints
        metadata:
          annotations:
            endpoints.kubernetes.io/last-change-trigger-time: "2026-01-01T00:00:00Z"
          labels:
            app: web
            endpoints.kubernetes.io/managed-by: endpoint-controller
          name: web
          namespace: default
        subsets:
          - addresses:
              - ip: 10.244.0.5
                nodeName: n1
                targetRef:
                  kind: Pod
                  name: a
                  namespace: default
                  uid: a
              - ip: 10.244.0.6
                nodeName: n1
                targetRef:
                  kind: Pod
                  name: b
                  namespace: default
                  uid: b
            notReadyAddresses:
              - ip: 10.244.0.7
                nodeName: n1
                targetRef:
                  kind: Pod
                  name: c
                  namespace: default
                  uid: c
            ports:
              - name: http
                port: 8080
                protocol: TCP
          - addresses:
              - ip: 10.244.0.8
                nodeName: n1
                targetRef:
                  kind: Pod
                  name: d
                  namespace: default
                  uid: d
            ports:
              - name: http
                port: 9090
                protocol: TCP
        "#);
        assert_eq!(
            plan(
                &service(json!({})),
                &pods,
                Some(&endpoints),
                Some("later".into())
            ),
            None
        );
    }

    #[test]
    fn a_headless_service_without_ports_still_has_addresses() {
        let service = service(json!({"clusterIP": "None", "ports": null}));
        let endpoints = plan(&service, &[pod("a", "10.244.0.5", 8080, true)], None, None).unwrap();
        assert_eq!(
            json!(
                endpoints.subsets.as_ref().unwrap()[0]
                    .addresses
                    .as_ref()
                    .unwrap()[0]
                    .ip
            ),
            "10.244.0.5"
        );
        assert_eq!(endpoints.labels()[HEADLESS], "");
    }

    #[test]
    fn more_than_a_thousand_are_cut() {
        let pods: Vec<_> = (0..1001)
            .map(|i| {
                pod(
                    &format!("p{i}"),
                    &format!("10.244.{}.{}", i / 250, i % 250),
                    80,
                    i != 0,
                )
            })
            .collect();
        let endpoints = plan(&service(json!({})), &pods, None, None).unwrap();
        assert_eq!(endpoints.annotations()[OVER_CAPACITY], "truncated");
        let subset = &endpoints.subsets.as_ref().unwrap()[0];
        assert_eq!(subset.addresses.as_ref().unwrap().len(), 1000);
        assert_eq!(subset.not_ready_addresses, None);
    }
}
