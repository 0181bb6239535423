//! Two Pods cannot hold the same port of a host.

use k8s_openapi::api::core::v1::{ContainerPort, Pod};

use super::{Filter, Prepared, Refusal};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;
use crate::node_info::host_ports;

/// Refuses Nodes on which a Pod holds a `hostPort` that the Pod wants.
pub(crate) struct NodePorts;

impl Filter for NodePorts {
    fn name(&self) -> &'static str {
        "NodePorts"
    }

    fn prepare<'a>(&self, incoming: &'a Incoming, _: &'a Cluster) -> Prepared<'a> {
        if host_ports(&incoming.pod).next().is_none() {
            return Prepared::Skip;
        }
        Prepared::check(|node| {
            let mut others = node.pods.values();
            match others.any(|other| clashes(&incoming.pod, other)) {
                true => Err(Refusal::for_now(vec![WORDS.to_owned()])),
                false => Ok(()),
            }
        })
    }

    fn may_be_helped(&self, pod: &Pod, event: &Event) -> bool {
        match event {
            Event::Node(_) => true,
            Event::PodGone(other) => clashes(pod, other),
            _ => false,
        }
    }
}

const WORDS: &str = "node(s) didn't have free ports for the requested pod ports";

fn clashes(pod: &Pod, other: &Pod) -> bool {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::fixtures::{carrying, node, pod, refused};
    use serde_json::json;

    #[test]
    fn ports_of_the_host_clash_by_number_protocol_and_address() {
        let with = |port| {
            pod(
                "p",
                json!({ "containers": [{ "name": "c", "ports": [port] }] }),
            )
        };
        let held = json!({ "containerPort": 80, "hostPort": 8080, "hostIP": "10.0.0.1" });
        let node = carrying(node("n", json!({})), [with(held)]);
        let cases = [
            (json!({ "containerPort": 1, "hostPort": 8080 }), true),
            (
                json!({ "containerPort": 1, "hostPort": 8080, "hostIP": "10.0.0.1" }),
                true,
            ),
            (
                json!({ "containerPort": 1, "hostPort": 8080, "hostIP": "10.0.0.2" }),
                false,
            ),
            (
                json!({ "containerPort": 1, "hostPort": 8080, "protocol": "UDP" }),
                false,
            ),
            (json!({ "containerPort": 1, "hostPort": 8081 }), false),
            (json!({ "containerPort": 8080 }), false),
        ];
        for (port, clashes) in cases {
            assert_eq!(
                !refused(&NodePorts, with(port.clone()), node.clone()).is_empty(),
                clashes,
                "{port}"
            );
        }
    }

    #[test]
    fn a_sidecar_holds_its_ports_and_an_init_container_does_not() {
        let ports = json!([{ "containerPort": 80, "hostPort": 8080 }]);
        let wanting = pod(
            "p",
            json!({ "containers": [{ "name": "c", "ports": ports }] }),
        );
        for (policy, clashes) in [(json!("Always"), true), (json!(null), false)] {
            let init = json!([{ "name": "i", "ports": ports, "restartPolicy": policy }]);
            let other = pod("q", json!({ "containers": [], "initContainers": init }));
            let node = carrying(node("n", json!({})), [other]);
            assert_eq!(
                !refused(&NodePorts, wanting.clone(), node).is_empty(),
                clashes,
                "{policy}"
            );
        }
    }
}
