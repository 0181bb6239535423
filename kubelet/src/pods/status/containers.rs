use k8s_openapi::api::core::v1::{
    Container, ContainerState, ContainerStateRunning, ContainerStateTerminated,
    ContainerStateWaiting, ContainerStatus, PodStatus, ResourceRequirements, VolumeMountStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

use super::{Input, unknown};
use crate::pods::object::{self, Role};
use crate::pods::seen::{Exit, Instance, State};
use crate::probes::ProbeKind;

/// Fills in the statuses of all containers.
pub(super) fn fill(input: &Input<'_>, status: &mut PodStatus) {
    let pod = input.pod;
    let inits: Vec<ContainerStatus> = object::init_containers(pod)
        .map(|(role, container)| container_status(input, role, container))
        .collect();
    status.init_container_statuses = (!inits.is_empty()).then_some(inits);
    let ephemerals: Vec<ContainerStatus> = object::ephemeral_containers(pod)
        .map(|container| container_status(input, Role::Ephemeral, &container))
        .collect();
    status.ephemeral_container_statuses = (!ephemerals.is_empty()).then_some(ephemerals);
    let apps = object::app_containers(pod).iter();
    status.container_statuses = Some(
        apps.map(|app| container_status(input, Role::App, app))
            .collect(),
    );
    if input.is_idle() {
        unknown::end_all(status);
    }
}

fn container_status(input: &Input<'_>, role: Role, container: &Container) -> ContainerStatus {
    let name = &container.name;
    let mut status = ContainerStatus {
        name: name.clone(),
        image: container.image.clone().unwrap_or_default(),
        started: (role != Role::Ephemeral).then_some(false),
        volume_mounts: volume_mounts(container),
        ..ContainerStatus::default()
    };
    if role != Role::Ephemeral {
        let granted = container.resources.as_ref();
        status.allocated_resources = granted.and_then(|all| all.requests.clone());
        status.resources = Some(resources(input, container));
    }
    let Some(newest) = input.seen.newest(name) else {
        return unseen(input, container, status);
    };
    status.image = newest.image.clone();
    status.image_id = newest.image_ref.clone();
    status.container_id = Some(container_id(newest));
    status.restart_count = newest.attempt;
    let terminated = |instance: &Instance| terminated(instance, input.old, name);
    let previous = input.seen.previous(name).and_then(terminated);
    let waiting = input.plan.waiting.get(name);
    match (&newest.state, waiting) {
        (State::Running { started_at }, _) => {
            let started = is_started(input, container, newest);
            let serves = matches!(role, Role::App | Role::Sidecar);
            status.started = status.started.map(|_| started);
            status.ready = serves && started && is_ready(input, container, newest);
            status.state = Some(ContainerState {
                running: Some(ContainerStateRunning {
                    started_at: Some(Time(*started_at)),
                }),
                ..ContainerState::default()
            });
            status.last_state = previous;
        }
        (State::Created, _) => {
            status.state = Some(not_yet(input));
            status.last_state = previous;
        }
        (State::Exited(_), Some(waiting)) => {
            status.state = Some(wait(waiting.reason, &waiting.message));
            status.last_state = terminated(newest);
        }
        (State::Exited(exit), None) => {
            status.ready = role == Role::Init && exit.code == 0;
            status.state = terminated(newest);
            status.last_state = previous;
        }
    }
    status
}

/// What a container that runs has; another one will have what it is granted when it starts.
fn resources(input: &Input<'_>, container: &Container) -> ResourceRequirements {
    let name = &container.name;
    let newest = input.seen.newest(name);
    let has = input.resizing.has(name);
    let has = has.filter(|_| newest.is_some_and(Instance::is_running));
    has.or(container.resources.as_ref())
        .cloned()
        .unwrap_or_default()
}

/// The status of a container of which the runtime has nothing: it waits, or it did run once and all traces are gone.
fn unseen(
    input: &Input<'_>,
    container: &Container,
    mut status: ContainerStatus,
) -> ContainerStatus {
    if let Some(known) = object::known_status(Some(input.old), &container.name) {
        let state = known.state.clone().unwrap_or_default();
        if state.terminated.is_some() && (object::is_terminal(input.pod) || input.is_idle()) {
            return known.clone();
        }
        status.restart_count = object::restarts_after_loss(known);
        status.last_state = match state {
            ended if ended.terminated.is_some() => Some(ended),
            state if state.running.is_some() => Some(lost(known)),
            _ => known.last_state.clone(),
        };
    }
    status.state = Some(match input.plan.waiting.get(&container.name) {
        Some(waiting) => wait(waiting.reason, &waiting.message),
        None => not_yet(input),
    });
    status
}

/// How a container ended that ran when it was last seen, in the kubelet's words.
fn lost(known: &ContainerStatus) -> ContainerState {
    let mut state = unknown::unknown(
        "The container could not be located when the pod was deleted.  The container used to be Running",
    );
    if let Some(end) = &mut state.terminated {
        end.container_id = known.container_id.clone();
    }
    state
}

fn container_id(instance: &Instance) -> String {
    format!("containerd://{}", instance.id)
}

fn wait(reason: &str, message: &str) -> ContainerState {
    ContainerState {
        waiting: Some(ContainerStateWaiting {
            reason: Some(reason.to_owned()),
            message: (!message.is_empty()).then(|| message.to_owned()),
        }),
        ..ContainerState::default()
    }
}

fn not_yet(input: &Input<'_>) -> ContainerState {
    let has_inits = object::init_containers(input.pod).next().is_some();
    let reason = if has_inits {
        "PodInitializing"
    } else {
        "ContainerCreating"
    };
    wait(reason, "")
}

fn terminated(instance: &Instance, old: &PodStatus, name: &str) -> Option<ContainerState> {
    let Exit {
        started_at,
        finished_at,
        code,
        reason,
        message,
    } = instance.exit()?;
    Some(ContainerState {
        terminated: Some(ContainerStateTerminated {
            container_id: Some(container_id(instance)),
            exit_code: *code,
            reason: Some(reason.clone()),
            message: (!message.is_empty())
                .then(|| message.clone())
                .or_else(|| known_message(old, name, &container_id(instance))),
            started_at: Some(Time(started_at.unwrap_or(*finished_at))),
            finished_at: Some(Time(*finished_at)),
            signal: None,
        }),
        ..ContainerState::default()
    })
}

/// What was told of the end of that container. The file with its words goes with the Pod's volumes.
fn known_message(old: &PodStatus, name: &str, container_id: &str) -> Option<String> {
    let known = object::known_status(Some(old), name)?;
    let states = [&known.state, &known.last_state].into_iter().flatten();
    let mut ends = states.filter_map(|state| state.terminated.as_ref());
    ends.find(|end| end.container_id.as_deref() == Some(container_id))?
        .message
        .clone()
}

fn is_started(input: &Input<'_>, container: &Container, instance: &Instance) -> bool {
    container.startup_probe.is_none()
        || input.probes.passed(&instance.id, ProbeKind::Startup) == Some(true)
}

/// Without a readiness probe a container is ready when it has started; with one, when the probe has passed.
fn is_ready(input: &Input<'_>, container: &Container, instance: &Instance) -> bool {
    container.readiness_probe.is_none()
        || input.probes.passed(&instance.id, ProbeKind::Readiness) == Some(true)
}

fn volume_mounts(container: &Container) -> Option<Vec<VolumeMountStatus>> {
    let mounts = container.volume_mounts.as_ref()?;
    let statuses = mounts.iter().map(|mount| VolumeMountStatus {
        name: mount.name.clone(),
        mount_path: mount.mount_path.clone(),
        read_only: mount.read_only,
        recursive_read_only: mount
            .read_only
            .filter(|read_only| *read_only)
            .map(|_| "Disabled".to_owned()),
        ..VolumeMountStatus::default()
    });
    Some(statuses.collect())
}
