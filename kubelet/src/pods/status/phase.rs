use k8s_openapi::api::core::v1::{ContainerState, ContainerStatus, PodStatus};

use super::Input;
use crate::pods::object::{self, Role};

/// The phase that follows from the container statuses
/// (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase>).
pub(super) fn phase(input: &Input<'_>, status: &PodStatus) -> &'static str {
    // A phase that is terminal is never left.
    match input.old.phase.as_deref() {
        Some("Succeeded") => return "Succeeded",
        Some("Failed") => return "Failed",
        _ => {}
    }
    match of_containers(input, status) {
        "Pending" if input.is_idle() => "Failed",
        phase => phase,
    }
}

fn of_containers(input: &Input<'_>, status: &PodStatus) -> &'static str {
    let pod = input.pod;
    let has_ended = input.is_idle();
    let inits = status.init_container_statuses.iter().flatten();
    for ((role, container), one) in object::init_containers(pod).zip(inits) {
        if role == Role::Sidecar {
            continue;
        }
        match exit_code(one) {
            Some(0) => {}
            Some(code) => {
                return if has_ended || !object::restarts(pod, role, container, code) {
                    "Failed"
                } else {
                    "Pending"
                };
            }
            None => return "Pending",
        }
    }
    let apps: Vec<&ContainerStatus> = status.container_statuses.iter().flatten().collect();
    let running = apps.iter().filter(|one| is_running(one)).count();
    let codes: Vec<i32> = apps.iter().filter_map(|one| last_exit_code(one)).collect();
    if apps.is_empty() || running + codes.len() < apps.len() {
        return "Pending";
    }
    if running > 0 {
        return "Running";
    }
    let is_over = object::app_containers(pod)
        .iter()
        .zip(&apps)
        .all(|(container, one)| {
            let is_resized = input.resizing.is_restarting(&container.name);
            exit_code(one).is_some_and(|code| {
                !is_resized && !object::restarts(pod, Role::App, container, code)
            })
        });
    // Sidecars end after the app containers, and the Pod with them (KEP-753).
    let has_sidecars = object::init_containers(pod)
        .zip(status.init_container_statuses.iter().flatten())
        .any(|((role, _), one)| role == Role::Sidecar && is_running(one));
    if !has_ended && (!is_over || has_sidecars) {
        return "Running";
    }
    if codes.iter().all(|code| *code == 0) {
        "Succeeded"
    } else {
        "Failed"
    }
}

fn is_running(one: &ContainerStatus) -> bool {
    matches!(
        &one.state,
        Some(ContainerState {
            running: Some(_),
            ..
        })
    )
}

fn exit_code(one: &ContainerStatus) -> Option<i32> {
    one.state
        .as_ref()?
        .terminated
        .as_ref()
        .map(|end| end.exit_code)
}

/// The exit code of a container that has ended, also of one that waits to be started again.
fn last_exit_code(one: &ContainerStatus) -> Option<i32> {
    if is_running(one) {
        return None;
    }
    let last = one
        .last_state
        .as_ref()
        .and_then(|last| last.terminated.as_ref());
    exit_code(one).or(last.map(|end| end.exit_code))
}
