//! Ports of the host: two Pods of a node cannot have the same one.

use k8s_openapi::api::core::v1::{ContainerPort, Pod};

/// The ports of the host that a Pod wants while it runs: the `hostPort`s of its containers and sidecars.
pub fn host_ports(pod: &Pod) -> impl Iterator<Item = &ContainerPort> {
    let spec = pod.spec.iter();
    let containers = spec.flat_map(|spec| {
        let sidecars = spec.init_containers.iter().flatten();
        spec.containers.iter().chain(
            sidecars.filter(|container| container.restart_policy.as_deref() == Some("Always")),
        )
    });
    containers
        .flat_map(|container| container.ports.iter().flatten())
        .filter(|port| port.host_port.unwrap_or(0) > 0)
}

/// Whether both want the same port of the host, on the same address.
pub fn host_ports_clash(pod: &Pod, other: &Pod) -> bool {
    host_ports(pod).any(|wanted| host_ports(other).any(|held| clash(wanted, held)))
}

fn clash(a: &ContainerPort, b: &ContainerPort) -> bool {
    let protocol = |port: &ContainerPort| port.protocol.clone().unwrap_or_else(|| "TCP".to_owned());
    let address = |port: &ContainerPort| match port.host_ip.as_deref() {
        None | Some("" | "0.0.0.0") => None,
        Some(address) => Some(address.to_owned()),
    };
    let same_address = match (address(a), address(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    a.host_port == b.host_port && protocol(a) == protocol(b) && same_address
}
