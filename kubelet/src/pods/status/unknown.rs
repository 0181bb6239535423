use k8s_openapi::api::core::v1::{
    ContainerState, ContainerStateTerminated, ContainerStatus, PodStatus,
};

/// How a container ended of which nothing is known, in the kubelet's words.
pub(super) fn unknown(message: &str) -> ContainerState {
    ContainerState {
        terminated: Some(ContainerStateTerminated {
            exit_code: 137,
            reason: Some("ContainerStatusUnknown".to_owned()),
            message: Some(message.to_owned()),
            ..ContainerStateTerminated::default()
        }),
        ..ContainerState::default()
    }
}

/// Nothing of the Pod runs any more, and nothing will: containers that wait still have failed. Those that never had their
/// turn go on waiting: init containers after the last that was tried, and the others if that one did not succeed (`TerminatePod`
/// of the kubelet's status manager).
pub(super) fn end_all(status: &mut PodStatus) {
    let inits = status.init_container_statuses.as_deref_mut();
    let inits = inits.unwrap_or_default();
    let apps = status.container_statuses.as_deref_mut().unwrap_or_default();
    let had_their_turn = inits.last().is_none_or(has_succeeded) || apps.iter().any(was_tried);
    let last_tried = inits.iter().rposition(was_tried).unwrap_or(0);
    inits.iter_mut().take(last_tried + 1).for_each(end);
    if had_their_turn {
        apps.iter_mut().for_each(end);
    }
}

fn end(one: &mut ContainerStatus) {
    if terminated(&one.state).is_none() {
        let message = "The container could not be located when the pod was terminated";
        one.state = Some(unknown(message));
    }
}

fn was_tried(one: &ContainerStatus) -> bool {
    let state = one.state.as_ref();
    let waits = state.is_some_and(|state| state.waiting.is_some());
    !waits || terminated(&one.last_state).is_some()
}

fn has_succeeded(one: &ContainerStatus) -> bool {
    terminated(&one.state).is_some_and(|end| end.exit_code == 0)
}

fn terminated(state: &Option<ContainerState>) -> Option<&ContainerStateTerminated> {
    state.as_ref()?.terminated.as_ref()
}
