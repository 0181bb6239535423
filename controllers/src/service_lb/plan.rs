//! At which addresses a load balancer is served: pure.

use std::collections::{BTreeSet, HashMap};

use k8s_openapi::api::core::v1::{LoadBalancerIngress, Node, Service};
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;
use skiff_client::ObjectKey;

/// Keeps a node out of load balancers.
const EXCLUDED: &str = "node.kubernetes.io/exclude-from-external-load-balancers";

/// Who has the ports at which Ingresses are served, in the words of an event.
const INGRESSES: &str = "the Ingresses";

/// What becomes of a Service.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Another load balancer cares for it, or it is none and has no address.
    Leave,
    /// It has these addresses; without any it is pending.
    At(BTreeSet<String>),
    /// It waits, because of this.
    Clash(String),
}

/// The outcome for the Service of that key, among all Services. Who has a port keeps it, else the elder gets it, or nobody
/// if Ingresses are served there.
pub(super) fn plan(
    key: &ObjectKey,
    services: &[&Service],
    nodes: &[&Node],
    of_ingresses: &[u16],
) -> Outcome {
    let Some(service) = services
        .iter()
        .find(|service| ObjectKey::of(**service) == *key)
    else {
        return Outcome::Leave;
    };
    if !is_balanced(service) {
        return match has_addresses(service) && !is_of_type(service) {
            true => Outcome::At(BTreeSet::new()),
            false => Outcome::Leave,
        };
    }
    let mut taken = of_the_machines(services, nodes);
    let mut balanced: Vec<&Service> = services
        .iter()
        .copied()
        .filter(|it| is_balanced(it))
        .collect();
    balanced.sort_by_key(|service| {
        let meta = &service.metadata;
        let age = meta.creation_timestamp.as_ref().map(|time| time.0);
        (!has_addresses(service), age, ObjectKey::of(*service))
    });
    for candidate in balanced {
        if !has_addresses(candidate) {
            for port in of_ingresses {
                let port = ("TCP".to_owned(), i32::from(*port));
                taken.entry(port).or_insert_with(|| INGRESSES.to_owned());
            }
        }
        let ports = ports(candidate);
        let clash = ports.iter().find_map(|port| Some((port, taken.get(port)?)));
        let is_asked = ObjectKey::of(candidate) == *key;
        match clash {
            Some(((protocol, number), owner)) if is_asked => {
                return Outcome::Clash(format!("port {number}/{protocol} is taken by {owner}"));
            }
            None if is_asked => break,
            Some(_) => {}
            None => {
                let owner = format!("Service {}", ObjectKey::of(candidate));
                taken.extend(ports.into_iter().map(|port| (port, owner.clone())));
            }
        }
    }
    let addresses = nodes.iter().filter_map(|node| ready_address(node));
    Outcome::At(addresses.collect())
}

/// Whether the Service is a load balancer that nobody else cares for (core/v1 ServiceSpec.loadBalancerClass).
pub(super) fn is_balanced(service: &Service) -> bool {
    let class = service
        .spec
        .as_ref()
        .and_then(|spec| spec.load_balancer_class.as_ref());
    is_of_type(service) && class.is_none() && service.metadata.deletion_timestamp.is_none()
}

fn is_of_type(service: &Service) -> bool {
    let spec = service.spec.as_ref();
    spec.and_then(|spec| spec.type_.as_deref()) == Some("LoadBalancer")
}

/// The addresses that a Service has.
pub(super) fn ingress(service: &Service) -> &[LoadBalancerIngress] {
    let status = service.status.as_ref();
    let balancer = status.and_then(|status| status.load_balancer.as_ref());
    let ingress = balancer.and_then(|balancer| balancer.ingress.as_deref());
    ingress.unwrap_or_default()
}

fn has_addresses(service: &Service) -> bool {
    !ingress(service).is_empty()
}

type Port = (String, i32);

fn ports(service: &Service) -> Vec<Port> {
    let ports = service
        .spec
        .iter()
        .flat_map(|spec| spec.ports.iter().flatten());
    let key = |protocol: Option<&String>, number| {
        (protocol.map_or("TCP", String::as_str).to_owned(), number)
    };
    ports
        .map(|port| key(port.protocol.as_ref(), port.port))
        .collect()
}

/// The ports of the API server and the kubelets: without these nothing in the cluster could be mended.
fn of_the_machines(services: &[&Service], nodes: &[&Node]) -> HashMap<Port, String> {
    let is_api =
        |service: &&&Service| ObjectKey::of(**service) == ObjectKey::new("default", "kubernetes");
    let api = services.iter().find(is_api);
    let api = api.into_iter().flat_map(|service| service.spec.iter());
    let targets = api
        .flat_map(|spec| spec.ports.iter().flatten())
        .filter_map(|port| match port.target_port {
            Some(IntOrString::Int(number)) => Some((number, "the API server")),
            _ => None,
        });
    let kubelets = nodes.iter().filter_map(|node| {
        let endpoints = node.status.as_ref()?.daemon_endpoints.as_ref()?;
        Some((endpoints.kubelet_endpoint.as_ref()?.port, "the kubelet"))
    });
    let all = targets.chain(kubelets);
    all.map(|(number, owner)| (("TCP".to_owned(), number), owner.to_owned()))
        .collect()
}

/// The address of a node that takes part.
pub(super) fn ready_address(node: &Node) -> Option<String> {
    let excluded = node
        .metadata
        .labels
        .as_ref()
        .is_some_and(|labels| labels.contains_key(EXCLUDED));
    let status = node.status.as_ref()?;
    let conditions = status.conditions.iter().flatten();
    let mut ready = conditions.filter(|of| of.type_ == "Ready" && of.status == "True");
    if excluded || ready.next().is_none() {
        return None;
    }
    let mut addresses = status.addresses.iter().flatten();
    let internal = addresses.find(|address| address.type_ == "InternalIP");
    internal.map(|address| address.address.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn service(name: &str, created: u8, spec: Value, address: Option<&str>) -> Service {
        let ingress: Vec<_> = address.into_iter().map(|ip| json!({"ip": ip})).collect();
        let object = json!({
            "metadata": {"namespace": "default", "name": name, "creationTimestamp": format!("2026-01-01T00:00:{created:02}Z")},
            "spec": spec, "status": {"loadBalancer": {"ingress": ingress}},
        });
        serde_json::from_value(object).expect("a Service")
    }

    fn node(address: &str, ready: &str, labels: Value) -> Node {
        let object = json!({
            "metadata": {"name": address, "labels": labels},
            "status": {
                "conditions": [{"type": "Ready", "status": ready}],
                "addresses": [{"type": "InternalIP", "address": address}],
                "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
            },
        });
        serde_json::from_value(object).expect("a Node")
    }

    fn planned(name: &str, services: &[Service]) -> Outcome {
        let nodes = [
            node("192.0.2.1", "True", json!({})),
            node("192.0.2.2", "False", json!({})),
            node("192.0.2.3", "True", json!({(EXCLUDED): ""})),
        ];
        let (services, nodes): (Vec<_>, Vec<_>) =
            (services.iter().collect(), nodes.iter().collect());
        plan(&ObjectKey::new("default", name), &services, &nodes, &[443])
    }

    fn balanced(port: u16) -> Value {
        json!({"type": "LoadBalancer", "ports": [{"port": port}]})
    }

    #[test]
    fn a_load_balancer_has_the_addresses_of_the_ready_nodes() {
        let at = || Outcome::At(BTreeSet::from(["192.0.2.1".to_owned()]));
        let class =
            json!({"type": "LoadBalancer", "loadBalancerClass": "a/b", "ports": [{"port": 80}]});
        let cases = [
            (balanced(80), None, at()),
            (class, None, Outcome::Leave),
            (json!({"type": "ClusterIP"}), None, Outcome::Leave),
            (
                json!({"type": "ClusterIP"}),
                Some("192.0.2.1"),
                Outcome::At(BTreeSet::new()),
            ),
        ];
        for (spec, address, expected) in cases {
            let services = [service("web", 1, spec.clone(), address)];
            assert_eq!(planned("web", &services), expected, "{spec}");
        }
        assert_eq!(planned("gone", &[]), Outcome::Leave);
    }

    #[test]
    fn a_port_is_given_once() {
        let clash = |owner: &str| {
            Outcome::Clash(format!("port 80/TCP is taken by Service default/{owner}"))
        };
        let young = service("young", 2, balanced(80), None);
        let elder = service("elder", 1, balanced(80), None);
        let both = [young, elder.clone()];
        assert_eq!(planned("young", &both), clash("elder"));
        assert!(matches!(planned("elder", &both), Outcome::At(_)));
        // Who has it keeps it.
        let both = [service("young", 2, balanced(80), Some("192.0.2.1")), elder];
        assert_eq!(planned("elder", &both), clash("young"));
        let other = json!({"type": "LoadBalancer", "ports": [{"port": 80, "protocol": "UDP"}]});
        let both = [
            service("a", 1, balanced(80), None),
            service("b", 2, other, None),
        ];
        assert!(
            matches!(planned("b", &both), Outcome::At(_)),
            "another protocol"
        );
    }

    #[test]
    fn the_machines_own_ports_are_not_given() {
        let api = json!({"type": "ClusterIP", "ports": [{"port": 443, "targetPort": 6443}]});
        let taken = |port: u16| {
            let services = [
                service("kubernetes", 0, api.clone(), None),
                service("web", 1, balanced(port), None),
            ];
            planned("web", &services)
        };
        assert_eq!(
            taken(6443),
            Outcome::Clash("port 6443/TCP is taken by the API server".to_owned())
        );
        assert_eq!(
            taken(10250),
            Outcome::Clash("port 10250/TCP is taken by the kubelet".to_owned())
        );
        assert_eq!(
            taken(443),
            Outcome::Clash("port 443/TCP is taken by the Ingresses".to_owned())
        );
        assert!(matches!(taken(444), Outcome::At(_)));
        let first = [service("web", 1, balanced(443), Some("192.0.2.1"))];
        assert!(
            matches!(planned("web", &first), Outcome::At(_)),
            "it was there first"
        );
    }
}
