//! Ports of containers.

use std::collections::HashSet;

use crate::field::{Error, Errors};
use crate::kinds::common::Field;
use crate::kinds::common::checks::{self, Seen};
use crate::kinds::common::net;
use crate::names;

/// What is wrong with the ports of one container.
pub(super) fn validate(ports: &Field<'_>, errors: &mut Errors) {
    let mut names = Seen::new();
    for port in ports.items() {
        let name = port.get("name");
        checks::name(&name, names::port_name, errors);
        if !name.is_empty() {
            names.add(name.str(), &name, errors);
        }
        let number = port.get("containerPort");
        if number.int().unwrap_or_default() == 0 {
            errors.push(number.required(""));
        } else {
            checks::in_range(&number, net::PORTS, errors);
        }
        let host_port = port.get("hostPort");
        if host_port.int() != Some(0) {
            checks::in_range(&host_port, net::PORTS, errors);
        }
        net::protocol(&port.get("protocol"), errors);
        net::ip(&port.get("hostIP"), errors);
    }
}

/// What is wrong with the ports of a Pod's containers as ports of its host: two of the same number, or, in the host's
/// network, one of another number than the container's.
pub(super) fn host_ports(spec: &Field<'_>, errors: &mut Errors) {
    let mut taken = HashSet::new();
    let containers = spec.get("containers");
    for port in containers
        .items()
        .flat_map(|container| container.get("ports").items())
    {
        let host_port = port.get("hostPort");
        let Some(number) = host_port.int().filter(|number| *number != 0) else {
            continue;
        };
        let text = |name: &str| port.get(name).str();
        let key = format!("{}/{}/{number}", text("protocol"), text("hostIP"));
        if !taken.insert(key.clone()) {
            errors.push(Error::duplicate(host_port.path(), key));
        }
        let number_inside = port.get("containerPort").int();
        if spec.get("hostNetwork").is_true() && number_inside != Some(number) {
            let words = "must match `containerPort` when `hostNetwork` is true";
            errors.push(host_port.invalid(words));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::kinds::common::testing::words;

    fn wrong(spec: Value) -> Vec<String> {
        let mut errors = Errors::new();
        let spec = Field::at(crate::field::Path::root("spec"), &spec);
        for container in spec.get("containers").items() {
            validate(&container.get("ports"), &mut errors);
        }
        host_ports(&spec, &mut errors);
        words(&errors)
    }

    #[test]
    fn numbers_names_and_protocols() {
        let ports = json!([
            {"containerPort": 80, "protocol": "TCP", "name": "http"},
            {"containerPort": 81, "protocol": "TCP", "name": "http"},
            {"protocol": "tcp"},
            {"containerPort": 65536, "hostPort": -1, "protocol": "UDP"},
        ]);
        let expected = [
            "spec.containers[0].ports[1].name: Duplicate value: \"http\"",
            "spec.containers[0].ports[2].containerPort: Required value",
            "spec.containers[0].ports[2].protocol: Unsupported value: \"tcp\": \
             supported values: \"SCTP\", \"TCP\", \"UDP\"",
            "spec.containers[0].ports[3].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive",
            "spec.containers[0].ports[3].hostPort: Invalid value: -1: must be between 1 and 65535, inclusive",
        ];
        assert_eq!(wrong(json!({"containers": [{"ports": ports}]})), expected);
    }

    #[test]
    fn ports_of_the_host() {
        let spec = json!({"hostNetwork": true, "containers": [
            {"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}]},
            {"ports": [{"containerPort": 81, "hostPort": 80, "protocol": "TCP"}]},
            {"ports": [{"containerPort": 80, "hostPort": 80, "protocol": "UDP"}]},
        ]});
        let expected = [
            "spec.containers[1].ports[0].hostPort: Duplicate value: \"TCP//80\"",
            "spec.containers[1].ports[0].hostPort: Invalid value: 80: \
             must match `containerPort` when `hostNetwork` is true",
        ];
        assert_eq!(wrong(spec), expected);
    }
}
