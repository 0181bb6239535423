//! Two Pods cannot hold the same port of a host.

use k8s_openapi::api::core::v1::Pod;
use skiff_api::{host_ports, host_ports_clash};

use super::{Filter, Prepared, Refusal};
use crate::cluster::{Cluster, Incoming};
use crate::event::Event;

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
            match others.any(|other| host_ports_clash(&incoming.pod, other)) {
                true => Err(Refusal::for_now(vec![WORDS.to_owned()])),
                false => Ok(()),
            }
        })
    }

    fn may_be_helped(&self, pod: &Pod, event: &Event) -> bool {
        match event {
            Event::Node(_) => true,
            Event::PodGone(other) => host_ports_clash(pod, other),
            _ => false,
        }
    }
}

const WORDS: &str = "node(s) didn't have free ports for the requested pod ports";

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
