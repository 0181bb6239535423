//! Which Pods the node takes: pure. Under pressure it takes only some
//! (<https://kubernetes.io/docs/concepts/scheduling-eviction/node-pressure-eviction/#node-conditions>), and never those that want
//! to be confined in a way that it cannot, or more than it has.

mod fit;
mod sysctls;

use k8s_openapi::api::core::v1::{Pod, Toleration};

use super::config::resources::{Qos, qos};
use super::object;
use super::orders::{Cause, Eviction};
use crate::machine::Machine;
use crate::pressure::Pressure;

pub(super) use self::fit::Shared;

const MEMORY_PRESSURE: &str = "node.kubernetes.io/memory-pressure";

/// Why a Pod that has come is not taken, if so.
pub(super) fn refusal(
    pressure: Pressure,
    machine: &Machine,
    allowed_unsafe_sysctls: &[String],
    shared: &Shared<'_>,
    pod: &Pod,
) -> Option<Eviction> {
    let (cause, message) = if refuses(pressure, pod) {
        (Cause::Arrival, node_condition(pressure))
    } else if let Some(name) = sysctls::forbidden(allowed_unsafe_sysctls, pod) {
        let words = format!("forbidden sysctl: {name:?} not allowlisted");
        (Cause::Refused("SysctlForbidden"), words)
    } else if is_for_another_os(pod) {
        let words = "Failed to admit pod as the OS field doesn't match node OS";
        (Cause::Refused("PodOSNotSupported"), words.to_owned())
    } else if wants_strict_groups(pod) {
        let words = "SupplementalGroupsPolicy=Strict is not supported in this node";
        (
            Cause::Refused("SupplementalGroupsPolicyNotSupported"),
            words.to_owned(),
        )
    } else if wants_apparmor(pod) && !machine.has_apparmor {
        let words = "Cannot enforce AppArmor: AppArmor is not enabled on the host";
        (Cause::Refused("AppArmor"), words.to_owned())
    } else if let Some((reason, message)) = fit::misfit(shared, pod) {
        (Cause::Refused(reason), message)
    } else {
        return None;
    };
    Some(Eviction { message, cause })
}

fn is_for_another_os(pod: &Pod) -> bool {
    let os = pod.spec.as_ref().and_then(|spec| spec.os.as_ref());
    os.is_some_and(|os| os.name != "linux")
}

/// Whether the groups of the image do not count: no containerd of version 1 can do that (KEP-3619).
fn wants_strict_groups(pod: &Pod) -> bool {
    let context = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.security_context.as_ref());
    let policy = context.and_then(|context| context.supplemental_groups_policy.as_deref());
    policy == Some("Strict")
}

/// Whether any container is to be confined by a profile (KEP-24).
fn wants_apparmor(pod: &Pod) -> bool {
    let context = pod
        .spec
        .as_ref()
        .and_then(|spec| spec.security_context.as_ref());
    let of_pod = context.and_then(|context| context.app_armor_profile.as_ref());
    object::containers(pod).any(|(_, container)| {
        let own = container.security_context.as_ref();
        let own = own.and_then(|own| own.app_armor_profile.as_ref());
        own.or(of_pod)
            .is_some_and(|profile| profile.type_ != "Unconfined")
    })
}

/// Whether the node is too short for a Pod. Only the cluster's own Pods come to a full disk, and where memory is short those
/// that asked for some.
fn refuses(pressure: Pressure, pod: &Pod) -> bool {
    if pressure == Pressure::default() || object::is_critical(pod) {
        return false;
    }
    let is_memory_alone = !pressure.disk && !pressure.pids;
    !(is_memory_alone && (qos(pod) != Qos::BestEffort || bears_memory_pressure(pod)))
}

/// Why a Pod is not taken, in the kubelet's words.
fn node_condition(pressure: Pressure) -> String {
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
            let class = match spec["containers"][0]["resources"].is_null() {
                true => "BestEffort",
                false => "Burstable",
            };
            let pod = json!({"spec": spec, "status": {"qosClass": class}});
            let pod: Pod = serde_json::from_value(pod).expect("a Pod");
            assert_eq!(refuses(pressure, &pod), expected, "{spec} {pressure:?}");
        }
    }

    #[test]
    fn what_the_node_cannot_do_is_not_taken_silently() {
        let machine = |has_apparmor| Machine {
            has_apparmor,
            ..Machine::default()
        };
        let container =
            |context: Value| json!({"containers": [{"name": "a", "securityContext": context}]});
        let profile = |kind: &str| json!({"appArmorProfile": {"type": kind}});
        let mut unconfined = container(profile("Unconfined"));
        unconfined["securityContext"] = profile("RuntimeDefault");
        let strict = json!({"securityContext": {"supplementalGroupsPolicy": "Strict"}, "containers": [{"name": "a"}]});
        let windows = json!({"os": {"name": "windows"}, "containers": [{"name": "a"}]});
        let sysctl = json!([{"name": "kernel.sem", "value": "1"}]);
        let sysctl = json!({"securityContext": {"sysctls": sysctl}, "containers": [{"name": "a"}]});
        for (spec, has_apparmor, expected) in [
            (windows, true, Some("PodOSNotSupported")),
            (sysctl, true, Some("SysctlForbidden")),
            (strict, true, Some("SupplementalGroupsPolicyNotSupported")),
            (
                container(profile("RuntimeDefault")),
                false,
                Some("AppArmor"),
            ),
            (container(profile("RuntimeDefault")), true, None),
            (unconfined, false, None),
            (container(json!({})), false, None),
        ] {
            let pod: Pod = serde_json::from_value(json!({"spec": spec})).expect("a Pod");
            let empty = Shared {
                allocatable: &[].into(),
                pods: &[],
            };
            let machine = machine(has_apparmor);
            let refusal = refusal(Pressure::default(), &machine, &[], &empty, &pod);
            assert_eq!(refusal.map(|one| one.reason()), expected, "{spec}");
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
