//! What of a Service is its to hold: pure.

use std::net::IpAddr;

use serde_json::{Value, json};
use skiff_api::field::Path;

/// What a Service holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Holdings {
    pub(crate) addresses: Vec<String>,
    pub(crate) ports: Vec<HeldPort>,
}

/// A node port and what of the Service it belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct HeldPort {
    pub(crate) place: Place,
    pub(crate) port: u16,
}

/// Where a Service has a node port.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// At the port of this index.
    Port(usize),
    /// Where load balancers ask for the node's health (core/v1 ServiceSpec.healthCheckNodePort).
    HealthCheck,
}

impl Place {
    /// The field, for errors.
    pub(crate) fn path(self) -> Path {
        let spec = Path::root("spec");
        match self {
            Place::Port(index) => spec.child("ports").index(index).child("nodePort"),
            Place::HealthCheck => spec.child("healthCheckNodePort"),
        }
    }
}

/// What a Service, complete as stored, holds.
pub(crate) fn holdings(service: &Value) -> Holdings {
    let mut holdings = Holdings::default();
    if has_address(service) {
        let addresses = service["spec"]["clusterIPs"].as_array();
        let addresses = addresses.into_iter().flatten().filter_map(Value::as_str);
        holdings.addresses = addresses
            .filter(|address| !address.is_empty() && *address != "None")
            .map(str::to_owned)
            .collect();
    }
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let of_ports = ports.enumerate().filter_map(|(index, port)| {
        let place = Place::Port(index);
        Some(HeldPort {
            place,
            port: node_port(port)?,
        })
    });
    let health_check = number(&service["spec"]["healthCheckNodePort"]).map(|port| HeldPort {
        place: Place::HealthCheck,
        port,
    });
    holdings.ports = of_ports.chain(health_check).collect();
    holdings
}

/// Whether the type has a cluster address at all; `ExternalName` is but a name.
pub(crate) fn has_address(service: &Value) -> bool {
    service["spec"]["type"] != "ExternalName"
}

/// Takes over what a new version of a Service leaves out, and drops what its type no longer has.
pub(crate) fn inherit(new: &mut Value, old: Option<&Value>) {
    let spec_of = |old: &Value, field: &str| old["spec"][field].clone();
    if has_address(new) {
        if let Some(old) = old.filter(|old| has_address(old)) {
            for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
                if is_unset(&new["spec"][field]) && !is_unset(&old["spec"][field]) {
                    new["spec"][field] = spec_of(old, field);
                }
            }
        }
        normalise_address(new, old);
    } else if let Some(spec) = new["spec"].as_object_mut() {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            spec.remove(field);
        }
    }
    inherit_ports(new, old);
}

/// `clusterIP` and `clusterIPs` say the same; what the user changed of the two counts.
fn normalise_address(new: &mut Value, old: Option<&Value>) {
    let first = |service: &Value| service["spec"]["clusterIPs"][0].clone();
    let single = new["spec"]["clusterIP"].clone();
    let was = old.map_or(Value::Null, |old| old["spec"]["clusterIP"].clone());
    let address = if is_unset(&single) || (single == was && !is_unset(&first(new))) {
        first(new)
    } else {
        single
    };
    if is_unset(&address) {
        return;
    }
    new["spec"]["clusterIPs"] = json!([address]);
    new["spec"]["clusterIP"] = address;
    set_families(new);
}

fn set_families(service: &mut Value) {
    let spec = &mut service["spec"];
    if is_unset(&spec["ipFamilies"]) {
        let is_v6 = spec["clusterIP"]
            .as_str()
            .is_some_and(|address| address.contains(':'));
        spec["ipFamilies"] = json!([if is_v6 { "IPv6" } else { "IPv4" }]);
    }
    if is_unset(&spec["ipFamilyPolicy"]) {
        spec["ipFamilyPolicy"] = "SingleStack".into();
    }
}

/// Ports that are the same as before keep their node port; types without node ports lose those they had.
fn inherit_ports(new: &mut Value, old: Option<&Value>) {
    let keeps = has_node_ports(new);
    let before: Vec<Value> = old
        .and_then(|old| old["spec"]["ports"].as_array())
        .cloned()
        .unwrap_or_default();
    let ports = new.pointer_mut("/spec/ports").and_then(Value::as_array_mut);
    for port in ports.into_iter().flatten() {
        let same =
            |was: &&Value| was["port"] == port["port"] && was["protocol"] == port["protocol"];
        let was = before.iter().find(same).and_then(node_port);
        match (keeps, node_port(port), was) {
            (true, None, Some(was)) => port["nodePort"] = was.into(),
            (false, Some(now), Some(was)) if now == was => {
                if let Some(port) = port.as_object_mut() {
                    port.remove("nodePort");
                }
            }
            _ => {}
        }
    }
}

/// Whether the Service waits for an address.
pub(crate) fn needs_address(service: &Value) -> bool {
    has_address(service) && is_unset(&service["spec"]["clusterIP"])
}

/// Gives the Service an address.
pub(crate) fn set_address(service: &mut Value, address: IpAddr) {
    service["spec"]["clusterIP"] = address.to_string().into();
    service["spec"]["clusterIPs"] = json!([address.to_string()]);
    set_families(service);
}

/// What of it waits for a node port.
pub(crate) fn ports_to_pick(service: &Value) -> Vec<Place> {
    let ports = service["spec"]["ports"].as_array().into_iter().flatten();
    let waiting = ports
        .enumerate()
        .filter(|(_, port)| has_node_ports(service) && node_port(port).is_none())
        .map(|(index, _)| Place::Port(index));
    let health_check =
        has_health_check(service) && number(&service["spec"]["healthCheckNodePort"]).is_none();
    waiting
        .chain(health_check.then_some(Place::HealthCheck))
        .collect()
}

/// Gives it a node port.
pub(crate) fn set_port(service: &mut Value, place: Place, port: u16) {
    match place {
        Place::Port(index) => service["spec"]["ports"][index]["nodePort"] = port.into(),
        Place::HealthCheck => service["spec"]["healthCheckNodePort"] = port.into(),
    }
}

/// Whether load balancers must ask each node for its own endpoints.
fn has_health_check(service: &Value) -> bool {
    let spec = &service["spec"];
    spec["type"] == "LoadBalancer" && spec["externalTrafficPolicy"] == "Local"
}

fn has_node_ports(service: &Value) -> bool {
    match service["spec"]["type"].as_str() {
        Some("NodePort") => true,
        Some("LoadBalancer") => service["spec"]["allocateLoadBalancerNodePorts"] != false,
        _ => false,
    }
}

fn node_port(port: &Value) -> Option<u16> {
    number(&port["nodePort"])
}

fn number(port: &Value) -> Option<u16> {
    let number = port.as_u64().filter(|number| *number > 0)?;
    Some(u16::try_from(number).unwrap_or(u16::MAX))
}

fn is_unset(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}
