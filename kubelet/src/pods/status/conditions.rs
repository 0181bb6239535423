use k8s_openapi::api::core::v1::{ContainerStatus, PodCondition, PodStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::Input;
use crate::pods::object::{self, Role};
use crate::pods::orders::{Cause, Eviction};
use crate::pods::resize;

/// The outcome of a condition: whether it holds and, if not, why not.
struct Outcome {
    holds: bool,
    reason: Option<&'static str>,
    message: Option<String>,
}

impl Outcome {
    const TRUE: Outcome = Outcome {
        holds: true,
        reason: None,
        message: None,
    };

    fn no(reason: &'static str, message: Option<String>) -> Self {
        Self {
            holds: false,
            reason: Some(reason),
            message,
        }
    }
}

/// The kubelet's own conditions in its order, then those of others as they are.
/// (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-conditions>)
pub(super) fn conditions(input: &Input<'_>, status: &PodStatus) -> Vec<PodCondition> {
    let containers = containers_ready(input, status);
    let mut own = vec![
        ("PodReadyToStartContainers", network(input)),
        ("Initialized", initialized(input, status)),
        ("Ready", ready(input, &containers)),
        ("ContainersReady", containers),
        ("PodScheduled", Outcome::TRUE),
    ];
    let disruption = input.evicted.and_then(disruption);
    own.extend(disruption.map(|outcome| ("DisruptionTarget", outcome)));
    let old = input.old.conditions.as_deref().unwrap_or_default();
    let others = old
        .iter()
        .filter(|other| own.iter().all(|(name, _)| *name != other.type_))
        .filter(|other| !resize::is_condition(&other.type_))
        .cloned()
        .collect::<Vec<_>>();
    let mut conditions = input.resizing.conditions(old, input.now);
    let own = own.into_iter();
    conditions.extend(own.map(|(name, outcome)| condition(input, old, name, outcome)));
    conditions.extend(others);
    conditions
}

fn condition(
    input: &Input<'_>,
    old: &[PodCondition],
    name: &str,
    outcome: Outcome,
) -> PodCondition {
    let status = if outcome.holds { "True" } else { "False" };
    let unchanged = old
        .iter()
        .find(|known| known.type_ == name && known.status == status);
    PodCondition {
        type_: name.to_owned(),
        status: status.to_owned(),
        reason: outcome.reason.map(str::to_owned),
        message: outcome.message,
        last_probe_time: None,
        last_transition_time: unchanged
            .and_then(|known| known.last_transition_time.clone())
            .or(Some(Time(input.now))),
        observed_generation: input.pod.metadata.generation,
    }
}

/// What ended the Pod was not its own doing
/// (<https://kubernetes.io/docs/concepts/workloads/pods/disruptions/#pod-disruption-conditions>).
fn disruption(eviction: &Eviction) -> Option<Outcome> {
    matches!(eviction.cause, Cause::Pressure | Cause::SoftPressure(_)).then(|| Outcome {
        holds: true,
        reason: Some("TerminationByKubelet"),
        message: Some(eviction.message.clone()),
    })
}

fn network(input: &Input<'_>) -> Outcome {
    let is_up = input
        .seen
        .ready_sandbox()
        .is_some_and(|sandbox| object::on_host_network(input.pod) || !sandbox.ips.is_empty());
    Outcome {
        holds: is_up,
        ..Outcome::TRUE
    }
}

fn named(words: &str, names: &[&str]) -> Option<String> {
    Some(format!(
        "containers with {words} status: [{}]",
        names.join(" ")
    ))
}

fn initialized(input: &Input<'_>, status: &PodStatus) -> Outcome {
    if status.phase.as_deref() == Some("Succeeded") {
        return Outcome {
            reason: Some("PodCompleted"),
            ..Outcome::TRUE
        };
    }
    // Once a container has run, initialization is behind.
    if status.container_statuses.iter().flatten().any(has_run) {
        return Outcome::TRUE;
    }
    let statuses = status.init_container_statuses.iter().flatten();
    let incomplete: Vec<&str> = object::init_containers(input.pod)
        .zip(statuses)
        .filter(|((role, _), one)| match role {
            Role::Sidecar => one.started != Some(true),
            _ => !one.ready,
        })
        .map(|(_, one)| one.name.as_str())
        .collect();
    if incomplete.is_empty() {
        return Outcome::TRUE;
    }
    Outcome::no("ContainersNotInitialized", named("incomplete", &incomplete))
}

fn has_run(one: &ContainerStatus) -> bool {
    one.container_id.is_some()
}

fn containers_ready(input: &Input<'_>, status: &PodStatus) -> Outcome {
    match status.phase.as_deref() {
        Some("Succeeded") => return Outcome::no("PodCompleted", None),
        Some("Failed") => return Outcome::no("PodFailed", None),
        _ => {}
    }
    let inits =
        object::init_containers(input.pod).zip(status.init_container_statuses.iter().flatten());
    let sidecars = inits
        .filter(|((role, _), _)| *role == Role::Sidecar)
        .map(|(_, one)| one);
    let apps = status.container_statuses.iter().flatten();
    let unready: Vec<&str> = sidecars
        .chain(apps)
        .filter(|one| !one.ready)
        .map(|one| one.name.as_str())
        .collect();
    if unready.is_empty() {
        return Outcome::TRUE;
    }
    Outcome::no("ContainersNotReady", named("unready", &unready))
}

/// The Pod is ready when its containers are and every readiness gate is open.
fn ready(input: &Input<'_>, containers: &Outcome) -> Outcome {
    if !containers.holds {
        return Outcome {
            holds: false,
            reason: containers.reason,
            message: containers.message.clone(),
        };
    }
    let spec = input.pod.spec.as_ref();
    let gates = spec.and_then(|spec| spec.readiness_gates.as_deref());
    let known = input
        .pod
        .status
        .as_ref()
        .and_then(|status| status.conditions.as_deref());
    let mut shut = Vec::new();
    for gate in gates.unwrap_or_default() {
        let name = &gate.condition_type;
        match known
            .unwrap_or_default()
            .iter()
            .find(|one| one.type_ == *name)
        {
            None => shut.push(format!(
                "corresponding condition of pod readiness gate {name:?} does not exist."
            )),
            Some(one) if one.status != "True" => shut.push(format!(
                "the status of pod readiness gate {name:?} is not \"True\", but {}",
                one.status
            )),
            Some(_) => {}
        }
    }
    if shut.is_empty() {
        return Outcome::TRUE;
    }
    Outcome::no("ReadinessGatesNotReady", Some(shut.join(", ")))
}
