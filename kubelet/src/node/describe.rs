//! The Node object, from facts.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::{
    DaemonEndpoint, Node, NodeAddress, NodeCondition, NodeDaemonEndpoints, NodeSpec, NodeStatus,
    NodeSystemInfo,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ObjectMeta, Time};

use super::pulse::Known;
use crate::config::Config;
use crate::machine::Machine;
use crate::pressure::Pressure;

/// The version of Kubernetes whose kubelet this one is like.
const KUBELET_VERSION: &str = "v1.36.0";

const RUNTIME_IS_DOWN: &str = "container runtime is down";
const NETWORK_IS_NOT_READY: &str = "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady \
     message:Network plugin returns error: cni plugin not initialized";

/// What the node has for Pods: all of it, for skiff itself is small.
pub(crate) fn allocatable(machine: &Machine, max_pods: u32) -> BTreeMap<String, Quantity> {
    let kib = |bytes: i64| Quantity(format!("{}Ki", bytes / 1024));
    [
        ("cpu", Quantity(machine.cpus.to_string())),
        ("memory", kib(machine.memory_bytes)),
        ("ephemeral-storage", kib(machine.storage_bytes)),
        ("pods", Quantity(max_pods.to_string())),
    ]
    .into_iter()
    .map(|(name, amount)| (name.to_owned(), amount))
    .collect()
}

/// Who a node is, and where it can be called.
#[derive(Clone, Copy)]
pub(crate) struct Identity<'a> {
    pub(crate) name: &'a str,
    /// Labels beside those that every node has.
    pub(crate) labels: &'a BTreeMap<String, String>,
    pub(crate) max_pods: u32,
    /// The node's address with the kubelet's port; a node that is simulated has none.
    pub(crate) at: Option<SocketAddr>,
}

impl<'a> From<&'a Config> for Identity<'a> {
    fn from(config: &'a Config) -> Self {
        Self {
            name: &config.node_name,
            labels: &config.labels,
            max_pods: config.max_pods,
            at: Some(SocketAddr::new(config.node_ip, config.server_bind.port())),
        }
    }
}

/// The labels of the node.
pub(super) fn labels(identity: Identity<'_>, machine: &Machine) -> BTreeMap<String, String> {
    let own = [
        ("beta.kubernetes.io/arch", machine.architecture),
        ("beta.kubernetes.io/os", "linux"),
        ("kubernetes.io/arch", machine.architecture),
        ("kubernetes.io/hostname", identity.name),
        ("kubernetes.io/os", "linux"),
    ];
    let own = own.map(|(key, value)| (key.to_owned(), value.to_owned()));
    identity.labels.clone().into_iter().chain(own).collect()
}

/// The object that registers the node.
pub(crate) fn node(identity: Identity<'_>, machine: &Machine, status: NodeStatus) -> Node {
    Node {
        metadata: ObjectMeta {
            name: Some(identity.name.to_owned()),
            labels: Some(labels(identity, machine)),
            annotations: Some(
                [(
                    "volumes.kubernetes.io/controller-managed-attach-detach",
                    "true",
                )]
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            ),
            ..ObjectMeta::default()
        },
        spec: Some(NodeSpec::default()),
        status: Some(status),
    }
}

/// What a status is made from.
pub(crate) struct Facts<'a> {
    pub(crate) identity: Identity<'a>,
    pub(crate) machine: &'a Machine,
    pub(crate) runtime: &'a Known,
    pub(crate) network_is_ready: bool,
    pub(crate) pressure: Pressure,
    /// The conditions that the API server has, for the times of their changes.
    pub(crate) old: &'a [NodeCondition],
    pub(crate) now: Timestamp,
}

/// The status of the node.
pub(crate) fn status(facts: &Facts<'_>) -> NodeStatus {
    let Facts {
        identity, machine, ..
    } = facts;
    let resources = allocatable(machine, identity.max_pods);
    let address = |type_: &str, address: String| NodeAddress {
        type_: type_.to_owned(),
        address,
    };
    NodeStatus {
        addresses: identity.at.map(|at| {
            vec![
                address("InternalIP", at.ip().to_string()),
                address("Hostname", identity.name.to_owned()),
            ]
        }),
        capacity: Some(resources.clone()),
        allocatable: Some(resources),
        conditions: Some(conditions(facts)),
        daemon_endpoints: identity.at.map(|at| NodeDaemonEndpoints {
            kubelet_endpoint: Some(DaemonEndpoint {
                port: i32::from(at.port()),
            }),
        }),
        node_info: Some(NodeSystemInfo {
            architecture: machine.architecture.to_owned(),
            boot_id: machine.boot_id.clone(),
            container_runtime_version: facts.runtime.version.clone(),
            kernel_version: machine.kernel_version.clone(),
            kubelet_version: KUBELET_VERSION.to_owned(),
            machine_id: machine.machine_id.clone(),
            operating_system: "linux".to_owned(),
            os_image: machine.os_image.clone(),
            system_uuid: machine.system_uuid.clone(),
            ..NodeSystemInfo::default()
        }),
        ..NodeStatus::default()
    }
}

/// The conditions in the kubelet's order and words.
fn conditions(facts: &Facts<'_>) -> Vec<NodeCondition> {
    let Pressure { memory, disk, pids } = facts.pressure;
    let of = |holds, yes, no| if holds { yes } else { no };
    let wrong = wrong(facts);
    let is_ready = wrong.is_empty();
    let ready = of(
        is_ready,
        ("KubeletReady", "kubelet is posting ready status"),
        ("KubeletNotReady", wrong.as_str()),
    );
    let memory_words = of(
        memory,
        (
            "KubeletHasInsufficientMemory",
            "kubelet has insufficient memory available",
        ),
        (
            "KubeletHasSufficientMemory",
            "kubelet has sufficient memory available",
        ),
    );
    let disk_words = of(
        disk,
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    );
    let pid_words = of(
        pids,
        (
            "KubeletHasInsufficientPID",
            "kubelet has insufficient PID available",
        ),
        (
            "KubeletHasSufficientPID",
            "kubelet has sufficient PID available",
        ),
    );
    vec![
        condition(facts, "MemoryPressure", memory, memory_words),
        condition(facts, "DiskPressure", disk, disk_words),
        condition(facts, "PIDPressure", pids, pid_words),
        condition(facts, "Ready", is_ready, ready),
    ]
}

/// Why the node is not ready, empty if it is; several reasons as Go puts errors together.
fn wrong(facts: &Facts<'_>) -> String {
    let all = [
        (facts.runtime.is_down, RUNTIME_IS_DOWN),
        (!facts.network_is_ready, NETWORK_IS_NOT_READY),
    ];
    let all: Vec<&str> = all.iter().filter(|one| one.0).map(|one| one.1).collect();
    match all[..] {
        [] | [_] => all.concat(),
        _ => format!("[{}]", all.join(", ")),
    }
}

fn condition(
    facts: &Facts<'_>,
    name: &str,
    holds: bool,
    (reason, message): (&str, &str),
) -> NodeCondition {
    let status = if holds { "True" } else { "False" };
    let unchanged = facts
        .old
        .iter()
        .find(|known| known.type_ == name && known.status == status);
    NodeCondition {
        type_: name.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message.to_owned()),
        last_heartbeat_time: Some(Time(facts.now)),
        last_transition_time: unchanged
            .and_then(|known| known.last_transition_time.clone())
            .or(Some(Time(facts.now))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conditions(is_down: bool, network_is_ready: bool, pressure: Pressure) -> Vec<NodeCondition> {
        let runtime = Known {
            version: "containerd://1.6.20".to_owned(),
            is_down,
        };
        let machine = Machine::default();
        let config = Config::for_tests("/tmp");
        let status = status(&Facts {
            identity: Identity::from(&config),
            machine: &machine,
            runtime: &runtime,
            network_is_ready,
            pressure,
            old: &[],
            now: Timestamp::UNIX_EPOCH,
        });
        status.conditions.unwrap_or_default()
    }

    fn words(network_is_ready: bool, pressure: Pressure) -> Vec<String> {
        let conditions = conditions(false, network_is_ready, pressure);
        conditions
            .into_iter()
            .map(|one| {
                format!(
                    "{}={} {}",
                    one.type_,
                    one.status,
                    one.reason.unwrap_or_default()
                )
            })
            .collect()
    }

    #[test]
    fn a_sound_node_is_ready() {
        let expected = [
            "MemoryPressure=False KubeletHasSufficientMemory",
            "DiskPressure=False KubeletHasNoDiskPressure",
            "PIDPressure=False KubeletHasSufficientPID",
            "Ready=True KubeletReady",
        ];
        assert_eq!(words(true, Pressure::default()), expected);
    }

    #[test]
    fn a_node_without_a_network_or_disk_says_so() {
        let full = Pressure {
            disk: true,
            ..Pressure::default()
        };
        let all = words(false, full);
        assert_eq!(all[1], "DiskPressure=True KubeletHasDiskPressure");
        assert_eq!(all[3], "Ready=False KubeletNotReady");
    }

    #[test]
    fn a_node_says_why_it_is_not_ready() {
        let both = format!("[container runtime is down, {NETWORK_IS_NOT_READY}]");
        for (is_down, network_is_ready, expected) in [
            (false, true, "kubelet is posting ready status"),
            (true, true, "container runtime is down"),
            (false, false, NETWORK_IS_NOT_READY),
            (true, false, &both),
        ] {
            let ready = conditions(is_down, network_is_ready, Pressure::default()).remove(3);
            assert_eq!(ready.message.as_deref(), Some(expected));
        }
    }
}
