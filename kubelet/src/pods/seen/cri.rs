//! What CRI says of sandboxes and containers, read.

use jiff::Timestamp;

use super::{Exit, Instance, Sandbox, State};
use crate::runtime::cri::{ContainerState, ContainerStatus, PodSandboxState, PodSandboxStatus};
use crate::runtime::labels;

pub(crate) mod annotations {
    /// Of the Pod, in seconds: for a kubelet that knows the Pod no more.
    pub(crate) const GRACE_PERIOD: &str = "io.kubernetes.pod.terminationGracePeriod";
    pub(crate) const HASH: &str = "io.kubernetes.container.hash";
    pub(crate) const RESTART_COUNT: &str = "io.kubernetes.container.restartCount";
    pub(crate) const TERMINATION_MESSAGE_PATH: &str =
        "io.kubernetes.container.terminationMessagePath";
    pub(crate) const TERMINATION_MESSAGE_POLICY: &str =
        "io.kubernetes.container.terminationMessagePolicy";
}

fn timestamp(nanoseconds: i64) -> Option<Timestamp> {
    (nanoseconds > 0)
        .then(|| Timestamp::from_nanosecond(i128::from(nanoseconds)).ok())
        .flatten()
}

/// The grace period in seconds of the Pod that the container was made for, if it is noted.
pub(crate) fn grace_s(status: &ContainerStatus) -> Option<i64> {
    status
        .annotations
        .get(annotations::GRACE_PERIOD)?
        .parse()
        .ok()
}

/// The name that a container has in its Pod.
pub(crate) fn name_of(status: &ContainerStatus) -> &str {
    status
        .labels
        .get(labels::CONTAINER_NAME)
        .map(String::as_str)
        .unwrap_or_default()
}

impl Sandbox {
    pub(crate) fn new(status: &PodSandboxStatus) -> Self {
        let network = status.network.clone().unwrap_or_default();
        let ips = std::iter::once(network.ip)
            .chain(network.additional_ips.into_iter().map(|more| more.ip));
        Self {
            id: status.id.clone(),
            attempt: status.metadata.as_ref().map_or(0, |meta| meta.attempt),
            ready: status.state == PodSandboxState::SandboxReady as i32,
            ips: ips.filter(|ip| !ip.is_empty()).collect(),
        }
    }
}

impl Instance {
    pub(crate) fn new(sandbox_id: &str, status: &ContainerStatus) -> Self {
        let annotation = |key| status.annotations.get(key).cloned().unwrap_or_default();
        let attempt = annotation(annotations::RESTART_COUNT).parse();
        let made = status.metadata.as_ref().map_or(0, |meta| meta.attempt);
        Self {
            id: status.id.clone(),
            sandbox_id: sandbox_id.to_owned(),
            attempt: attempt.unwrap_or_else(|_| i32::try_from(made).unwrap_or(0)),
            hash: annotation(annotations::HASH),
            image: status.image.clone().unwrap_or_default().image,
            image_ref: status.image_ref.clone(),
            log_path: status.log_path.clone(),
            state: State::new(status),
        }
    }
}

/// Whether the start of a container was given up because nobody waited for it any more: the kubelet was killed, or ended.
/// containerd then says that it has ended, as it does of one that could not be started; its shim may have been killed for it.
fn is_abandoned(status: &ContainerStatus) -> bool {
    let says = |words| status.message.contains(words);
    status.reason == "StartError"
        && status.started_at == 0
        && (says("context canceled") || says("failed to start shim") && says("signal: killed"))
}

impl State {
    fn new(status: &ContainerStatus) -> Self {
        let started_at = timestamp(status.started_at);
        match ContainerState::try_from(status.state) {
            // It never ran, so the start that follows is no restart.
            Ok(ContainerState::ContainerExited) if is_abandoned(status) => State::Created,
            Ok(ContainerState::ContainerCreated) => State::Created,
            Ok(ContainerState::ContainerRunning) => State::Running {
                started_at: started_at.unwrap_or(Timestamp::UNIX_EPOCH),
            },
            // A container whose state the runtime does not know cannot be relied on: it counts as failed.
            _ => State::Exited(Exit {
                started_at,
                finished_at: timestamp(status.finished_at).unwrap_or(Timestamp::UNIX_EPOCH),
                code: status.exit_code,
                reason: match status.reason.as_str() {
                    "" if status.exit_code == 0 => "Completed".to_owned(),
                    "" => "Error".to_owned(),
                    reason => reason.to_owned(),
                },
                message: status.message.clone(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pods::seen::Seen;

    fn status(state: ContainerState, reason: &str, message: &str) -> ContainerStatus {
        ContainerStatus {
            id: "c".to_owned(),
            state: state as i32,
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..ContainerStatus::default()
        }
    }

    #[test]
    fn a_container_whose_start_was_given_up_never_ran() {
        let given_up = "failed to create containerd task: failed to create shim task: context canceled: unknown";
        let killed = "failed to create containerd task: failed to start shim: start failed: : signal: killed: unknown";
        let refused = "exec: \"nope\": executable file not found in $PATH: unknown";
        let cases = [
            ("StartError", given_up, true),
            ("StartError", killed, true),
            ("StartError", refused, false),
            ("Error", given_up, false),
        ];
        for (reason, message, is_only_made) in cases {
            let state = State::new(&status(ContainerState::ContainerExited, reason, message));
            assert_eq!(state == State::Created, is_only_made, "{reason}: {message}");
        }
    }

    #[test]
    fn a_look_that_comes_late_does_not_bring_back_what_has_ended() {
        let mut seen = Seen::default();
        let of = |state| Instance::new("s", &status(state, "", ""));
        seen.put("a", of(ContainerState::ContainerExited));
        seen.put("a", of(ContainerState::ContainerRunning));
        assert!(seen.newest("a").is_some_and(|one| one.exit().is_some()));
        let sandbox = |id: &str, attempt, ready| Sandbox {
            id: id.to_owned(),
            attempt,
            ready,
            ips: Vec::new(),
        };
        seen.put_sandbox(sandbox("s1", 1, false));
        seen.put_sandbox(sandbox("s1", 1, true));
        assert_eq!(seen.ready_sandbox(), None);
        seen.put_sandbox(sandbox("s0", 0, true));
        assert_eq!(
            seen.sandbox().map(|one| one.id.as_str()),
            Some("s1"),
            "the newest counts"
        );
    }
}
