//! A Pod as the runtime has it, in the words of the plan.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::runtime::cri::{ContainerState, ContainerStatus, PodSandboxState, PodSandboxStatus};
use crate::runtime::{PodState, labels};

/// The sandboxes and containers of one Pod.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// Oldest first; the last one counts.
    pub(crate) sandboxes: Vec<Sandbox>,
    /// By container name, oldest first; the last one counts.
    pub(crate) containers: BTreeMap<String, Vec<Instance>>,
}

/// One sandbox.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sandbox {
    pub(crate) id: String,
    pub(crate) attempt: u32,
    pub(crate) ready: bool,
    /// Empty on the host's network.
    pub(crate) ips: Vec<String>,
}

/// One container that the runtime has, by the name that it has in the Pod one of several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) sandbox_id: String,
    /// How often a container of this name was started before.
    pub(crate) attempt: i32,
    pub(crate) hash: String,
    pub(crate) image: String,
    pub(crate) image_ref: String,
    pub(crate) log_path: String,
    pub(crate) state: State,
}

/// What an [`Instance`] does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum State {
    /// Made, but not started.
    Created,
    /// Runs.
    Running { started_at: Timestamp },
    /// Has ended.
    Exited(Exit),
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exit {
    /// `None` if it never ran.
    pub(crate) started_at: Option<Timestamp>,
    pub(crate) finished_at: Timestamp,
    pub(crate) code: i32,
    /// `Completed`, `Error`, `OOMKilled`, `StartError`, …
    pub(crate) reason: String,
    pub(crate) message: String,
}

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

impl Seen {
    /// All that the runtime listed of one Pod.
    pub(crate) fn new(mut listed: Vec<PodState>) -> Self {
        listed.sort_by_key(|state| Sandbox::new(&state.sandbox).attempt);
        let mut seen = Self::default();
        for state in &listed {
            seen.sandboxes.push(Sandbox::new(&state.sandbox));
            for status in &state.containers {
                seen.put(name_of(status), Instance::new(&state.sandbox.id, status));
            }
        }
        seen
    }

    /// The sandbox that counts.
    pub(crate) fn sandbox(&self) -> Option<&Sandbox> {
        self.sandboxes.last()
    }

    /// The sandbox that counts, if it is ready.
    pub(crate) fn ready_sandbox(&self) -> Option<&Sandbox> {
        self.sandbox().filter(|sandbox| sandbox.ready)
    }

    /// The container that counts.
    pub(crate) fn newest(&self, name: &str) -> Option<&Instance> {
        self.containers.get(name)?.last()
    }

    /// The container before the one that counts.
    pub(crate) fn previous(&self, name: &str) -> Option<&Instance> {
        self.containers.get(name)?.iter().rev().nth(1)
    }

    /// The container of that id, and its name.
    pub(crate) fn find(&self, id: &str) -> Option<(&str, &Instance)> {
        self.instances().find(|(_, instance)| instance.id == id)
    }

    /// All containers, with their names.
    pub(crate) fn instances(&self) -> impl Iterator<Item = (&str, &Instance)> {
        self.containers
            .iter()
            .flat_map(|(name, all)| all.iter().map(move |one| (name.as_str(), one)))
    }

    /// Adds a container, or replaces what was known of it unless that is newer: one that has ended never runs again.
    pub(crate) fn put(&mut self, name: &str, instance: Instance) {
        let all = self.containers.entry(name.to_owned()).or_default();
        match all.iter_mut().find(|known| known.id == instance.id) {
            Some(known) if known.exit().is_some() && instance.is_running() => {}
            Some(known) => *known = instance,
            None => {
                all.push(instance);
                all.sort_by_key(|one| one.attempt);
            }
        }
    }

    /// Forgets a container that was removed.
    pub(crate) fn remove(&mut self, id: &str) {
        for all in self.containers.values_mut() {
            all.retain(|one| one.id != id);
        }
        self.containers.retain(|_, all| !all.is_empty());
    }

    /// Forgets a sandbox that was removed, and its containers with it.
    pub(crate) fn remove_sandbox(&mut self, id: &str) {
        self.sandboxes.retain(|sandbox| sandbox.id != id);
        for all in self.containers.values_mut() {
            all.retain(|one| one.sandbox_id != id);
        }
        self.containers.retain(|_, all| !all.is_empty());
    }

    /// Adds a sandbox, or replaces what was known of it unless that is newer: one that has ended is never ready again.
    pub(crate) fn put_sandbox(&mut self, sandbox: Sandbox) {
        match self.sandboxes.iter_mut().find(|one| one.id == sandbox.id) {
            Some(known) if !known.ready && sandbox.ready => {}
            Some(known) => *known = sandbox,
            None => {
                self.sandboxes.push(sandbox);
                self.sandboxes.sort_by_key(|one| one.attempt);
            }
        }
    }
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

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running { .. })
    }

    /// When it started, if it has.
    pub(crate) fn started_at(&self) -> Option<Timestamp> {
        match &self.state {
            State::Created => None,
            State::Running { started_at } => Some(*started_at),
            State::Exited(exit) => exit.started_at,
        }
    }

    /// How it ended, if it has.
    pub(crate) fn exit(&self) -> Option<&Exit> {
        match &self.state {
            State::Exited(exit) => Some(exit),
            _ => None,
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
