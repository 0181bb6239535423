//! Whether the node still has what a Pod wants. The scheduler asks that before it binds one, but nobody does for a Pod that
//! names its node itself (<https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#nodename>).

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity as ApiQuantity;
use skiff_api::pod_resources::{Bound, taken};
use skiff_api::{Quantity, host_ports_clash};

use crate::pods::object;

/// The resources of a node, and the reason of a Pod that wants too much of one.
const COUNTED: [(&str, &str); 4] = [
    ("pods", "OutOfpods"),
    ("cpu", "OutOfcpu"),
    ("memory", "OutOfmemory"),
    ("ephemeral-storage", "OutOfephemeral-storage"),
];

/// The node, as far as Pods share it.
pub(crate) struct Shared<'a> {
    /// What it has for all.
    pub(crate) allocatable: &'a BTreeMap<String, ApiQuantity>,
    /// Those that it has taken and that have not ended.
    pub(crate) pods: &'a [&'a Pod],
}

/// The reason and the message for a Pod that finds no room, in the kubelet's words. One of the cluster's own always does.
pub(super) fn misfit(shared: &Shared<'_>, pod: &Pod) -> Option<(&'static str, String)> {
    if let Some(misfit) = shortage(shared, pod).filter(|_| !object::is_critical(pod)) {
        return Some(misfit);
    }
    let mut others = shared.pods.iter();
    others.any(|other| host_ports_clash(pod, other)).then(|| {
        let why = "node(s) didn't have free ports for the requested pod ports";
        ("NodePorts", format!("Predicate NodePorts failed: {why}"))
    })
}

fn shortage(shared: &Shared<'_>, pod: &Pod) -> Option<(&'static str, String)> {
    let wanted = Asked::of(pod);
    let others: Vec<Asked> = shared.pods.iter().map(|other| Asked::of(other)).collect();
    COUNTED.into_iter().find_map(|(resource, reason)| {
        let has = Quantity::of(shared.allocatable.get(resource)?).ok()?;
        let has = in_its_unit(resource, has);
        let used = others.iter().map(|other| other.amount(resource));
        let (used, wanted) = (used.fold(0, i64::saturating_add), wanted.amount(resource));
        (wanted > 0 && wanted > has.saturating_sub(used)).then(|| {
            let message = format!(
                "Node didn't have enough resource: {resource}, requested: {wanted}, used: {used}, capacity: {has}"
            );
            (reason, message)
        })
    })
}

/// What a Pod takes of the node.
struct Asked(BTreeMap<String, Quantity>);

impl Asked {
    fn of(pod: &Pod) -> Self {
        Self(taken(pod, Bound::Request))
    }

    /// A Pod is one Pod.
    fn amount(&self, resource: &str) -> i64 {
        let asked = self.0.get(resource).copied();
        match resource {
            "pods" => 1,
            _ => asked.map_or(0, |asked| in_its_unit(resource, asked)),
        }
    }
}

/// CPUs are counted in thousandths.
fn in_its_unit(resource: &str, amount: Quantity) -> i64 {
    match resource {
        "cpu" => amount.milli_value(),
        _ => amount.value(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn pod(cpu: &str, port: i32) -> Value {
        let resources = json!({"requests": {"cpu": cpu}});
        let ports = json!([{"containerPort": 80, "hostPort": port}]);
        json!({"spec": {"containers": [{"name": "a", "resources": resources, "ports": ports}]}})
    }

    #[test]
    fn a_pod_that_names_its_node_needs_room_on_it() {
        let mut critical = pod("5", 0);
        critical["spec"]["priority"] = 2_000_001_000.into();
        let [cpu, ports, pods] = [
            "OutOfcpu: Node didn't have enough resource: cpu, requested: 1500, used: 2600, capacity: 4000",
            "NodePorts: Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports",
            "OutOfpods: Node didn't have enough resource: pods, requested: 1, used: 2, capacity: 2",
        ];
        let two = [pod("600m", 8080), pod("2", 8081)];
        for (others, max_pods, comes, expected) in [
            (&two[..], "110", pod("1400m", 8082), None),
            (&two[..], "110", pod("1500m", 8082), Some(cpu)),
            (&two[..1], "110", pod("1500m", 8082), None),
            (&two[..], "110", pod("1500m", 8080), Some(cpu)),
            (&two[..], "110", pod("0", 8080), Some(ports)),
            (&two[..], "110", critical, None),
            (&two[..], "2", pod("0", 0), Some(pods)),
            (&two[..1], "2", pod("0", 0), None),
        ] {
            let typed = |pod: &Value| serde_json::from_value::<Pod>(pod.clone()).expect("a Pod");
            let others: Vec<Pod> = others.iter().map(typed).collect();
            let of = |name: &str, amount: &str| (name.to_owned(), ApiQuantity(amount.to_owned()));
            let shared = Shared {
                allocatable: &[of("cpu", "4"), of("pods", max_pods)].into(),
                pods: &others.iter().collect::<Vec<_>>(),
            };
            let found = misfit(&shared, &typed(&comes));
            let found = found.map(|(reason, message)| format!("{reason}: {message}"));
            assert_eq!(found.as_deref(), expected, "{comes}");
        }
    }
}
