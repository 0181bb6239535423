//! Which Pods a node under pressure takes: pure
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-conditions>).

use k8s_openapi::api::core::v1::{Pod, Toleration};

use super::config::resources::{Qos, qos};
use super::object;
use crate::pressure::Pressure;

const MEMORY_PRESSURE: &str = "node.kubernetes.io/memory-pressure";

/// Whether a Pod that has come is not taken. Only the cluster's own Pods come to a full disk, and where memory is short those
/// that asked for some.
pub(super) fn refuses(pressure: Pressure, pod: &Pod) -> bool {
    if pressure == Pressure::default() || object::is_critical(pod) {
        return false;
    }
    let is_memory_alone = !pressure.disk && !pressure.pids;
    !(is_memory_alone && (qos(pod) != Qos::BestEffort || bears_memory_pressure(pod)))
}

/// Why a Pod is not taken, in the kubelet's words.
pub(super) fn node_condition(pressure: Pressure) -> String {
    let conditions = [
        (pressure.disk, "DiskPressure"),
        (pressure.memory, "MemoryPressure"),
        (pressure.pids, "PIDPressure"),
    ];
    let holding = conditions.iter().filter(|(holds, _)| *holds);
    let names: Vec<&str> = holding.map(|(_, name)| *name).collect();
    format!("The node had condition: [{}]. ", names.join(" "))
}

fn bears_memory_pressure(pod: &Pod) -> bool {
    let spec = pod.spec.iter();
    let mut all = spec.flat_map(|spec| spec.tolerations.iter().flatten());
    all.any(tolerates_memory_pressure)
}

/// The taint has no value.
fn tolerates_memory_pressure(toleration: &Toleration) -> bool {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let exists = toleration.operator.as_deref() == Some("Exists");
    let is_of_effect = filled(&toleration.effect).is_none_or(|effect| effect == "NoSchedule");
    is_of_effect
        && match filled(&toleration.key) {
            None => exists,
            Some(key) => key == MEMORY_PRESSURE && (exists || filled(&toleration.value).is_none()),
        }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_node_takes_what_does_not_make_it_worse() {
        let plain = json!({"containers": [{"name": "a"}]});
        let with = |key: &str, value: Value| {
            let mut spec = plain.clone();
            spec[key] = value;
            spec
        };
        let asks = json!([{"name": "a", "resources": {"requests": {"memory": "1Mi"}}}]);
        let bears = json!([{"key": MEMORY_PRESSURE, "operator": "Exists", "effect": "NoSchedule"}]);
        let (memory, disk) = ((true, false), (false, true));
        for (spec, (memory, disk), expected) in [
            (plain.clone(), (false, false), false),
            (plain.clone(), memory, true),
            (plain.clone(), disk, true),
            (with("containers", asks.clone()), memory, false),
            (with("containers", asks.clone()), disk, true),
            (with("containers", asks), (true, true), true),
            (with("tolerations", bears.clone()), memory, false),
            (with("tolerations", bears), disk, true),
            (with("priority", json!(2_000_001_000)), disk, false),
        ] {
            let pressure = Pressure {
                memory,
                disk,
                pids: false,
            };
            let pod: Pod = serde_json::from_value(json!({"spec": spec})).expect("a Pod");
            assert_eq!(refuses(pressure, &pod), expected, "{spec} {pressure:?}");
        }
    }

    #[test]
    fn a_pod_that_is_not_taken_is_told_the_conditions() {
        let pressure = Pressure {
            memory: true,
            disk: true,
            pids: false,
        };
        assert_eq!(
            node_condition(pressure),
            "The node had condition: [DiskPressure MemoryPressure]. "
        );
    }
}
