//! What to do next for a Pod: a pure function of what is wanted, what runs, and what is under way.

mod container;
mod ending;
mod reclaim;
mod resizing;
mod running;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Container, Pod};

pub(crate) use self::reclaim::reclaimable;
use super::object::{self, Role};
use super::progress::{Progress, Step};
use super::resize::Change;
use super::seen::{Instance, Seen};
use crate::probes::ProbeKind;

/// What the API wants of a Pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// It is to run.
    Run,
    /// It is deleted: it is to end, and then its object.
    End,
    /// The API does not have it (any more): no trace is to stay.
    Forget,
}

/// Where a Pod stands in its life on the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Life {
    /// Its containers run, or are on their way to it.
    Running,
    /// Its containers are being stopped.
    Ending,
    /// None of its containers runs; its network and volumes are being given back.
    Ended,
    /// Nothing of it is left but its object, dead containers and their logs.
    Over,
}

/// All that a plan is made from.
pub(crate) struct Input<'a> {
    pub(crate) pod: &'a Pod,
    pub(crate) want: Want,
    pub(crate) seen: &'a Seen,
    pub(crate) progress: &'a Progress,
    pub(crate) now: Timestamp,
}

/// Why a running container is stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The Pod ends.
    PodEnds,
    /// A probe failed too often.
    Unhealthy(ProbeKind),
    /// Its image was changed in the Pod.
    Changed,
    /// It is to have other resources, and cannot take them while it runs.
    Resized,
    /// Its sandbox is gone.
    SandboxLost,
}

/// One thing to do; all actions of a plan may be done at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    PrepareVolumes,
    CreateSandbox {
        attempt: u32,
    },
    EnsureImage {
        container: String,
    },
    StartContainer {
        container: String,
        attempt: i32,
    },
    StopContainer {
        id: String,
        grace_s: i64,
        why: Why,
    },
    RemoveContainer {
        id: String,
    },
    StopSandbox {
        id: String,
    },
    RemoveSandbox {
        id: String,
    },
    Resize(Change),
    CleanUp,
    DeletePod,
    /// The worker has nothing left to do, ever.
    Finish,
}

impl Action {
    /// Whether the API server is to have the status first: a resize that is in progress, or the last one.
    pub(super) fn must_be_known(&self) -> bool {
        let why = match self {
            Action::StopContainer { why, .. } => Some(*why),
            _ => None,
        };
        matches!(self, Action::DeletePod | Action::Resize(_)) || why == Some(Why::Resized)
    }
}

/// Why a container does not run yet (ContainerStateWaiting).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Waiting {
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

/// What to do now, when to look again if nothing happens, and why containers wait.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Plan {
    pub(crate) life: Life,
    pub(crate) actions: Vec<Action>,
    pub(crate) again_at: Option<Timestamp>,
    pub(crate) waiting: BTreeMap<String, Waiting>,
}

/// Makes the plan.
pub(crate) fn plan(input: &Input<'_>) -> Plan {
    let mut planner = Planner {
        input,
        plan: Plan {
            life: life(input),
            actions: Vec::new(),
            again_at: None,
            waiting: BTreeMap::new(),
        },
    };
    match planner.plan.life {
        Life::Running => planner.run(),
        Life::Ending => planner.end(),
        Life::Ended => planner.give_back(),
        Life::Over => planner.forget(),
    }
    planner.plan
}

/// What users are told of a Pod that is ended by its deadline.
pub(crate) const DEADLINE_EXCEEDED: &str =
    "Pod was active on the node longer than the specified deadline";

/// When the Pod has run for as long as its `activeDeadlineSeconds` allows.
pub(crate) fn deadline(pod: &Pod) -> Option<Timestamp> {
    let seconds = pod.spec.as_ref()?.active_deadline_seconds?;
    let started = pod.status.as_ref()?.start_time.as_ref()?;
    started
        .0
        .checked_add(SignedDuration::from_secs(seconds))
        .ok()
}

/// Whether the containers have done what they were there for: all ended, none to be restarted.
pub(crate) fn is_finished(pod: &Pod, seen: &Seen) -> bool {
    let over = |role, container: &Container| {
        seen.newest(&container.name)
            .and_then(Instance::exit)
            .is_some_and(|exit| !object::restarts(pod, role, container, exit.code))
    };
    let init_failed = object::init_containers(pod).any(|(role, container)| {
        let exit = seen.newest(&container.name).and_then(Instance::exit);
        exit.is_some_and(|exit| exit.code != 0) && over(role, container)
    });
    let apps = object::app_containers(pod);
    init_failed || (!apps.is_empty() && apps.iter().all(|container| over(Role::App, container)))
}

fn life(input: &Input<'_>) -> Life {
    let Input {
        pod,
        seen,
        progress,
        ..
    } = input;
    let is_over_deadline = deadline(pod).is_some_and(|at| at <= input.now);
    if input.want == Want::Run
        && progress.ending_since.is_none()
        && !object::is_terminal(pod)
        && !is_over_deadline
        && (!is_finished(pod, seen) || progress.resizing.is_any_restarting())
    {
        return Life::Running;
    }
    if progress.is_making() || seen.instances().any(|(_, instance)| instance.is_running()) {
        return Life::Ending;
    }
    let is_network_held = seen
        .sandboxes
        .iter()
        .any(|sandbox| !progress.stopped_sandboxes.contains(&sandbox.id));
    if is_network_held || progress.cleaned != Step::Done {
        return Life::Ended;
    }
    Life::Over
}

/// Makes one plan; the stages of a Pod's life are in files of their own.
struct Planner<'a> {
    input: &'a Input<'a>,
    plan: Plan,
}

impl<'a> Planner<'a> {
    fn push(&mut self, action: Action) {
        self.plan.actions.push(action);
    }

    fn look_again(&mut self, at: Timestamp) {
        self.plan.again_at = Some(self.plan.again_at.map_or(at, |known| known.min(at)));
    }

    /// Whether a step is to be done now; if it failed and waits, the plan looks again when it is due.
    fn is_due(&mut self, step: &Step) -> bool {
        let is_due = step.is_due(self.input.now);
        if let Some(failure) = step.failure().filter(|_| !is_due) {
            self.look_again(failure.again_at());
        }
        is_due
    }

    fn wait(&mut self, container: &str, reason: &'static str, message: impl Into<String>) {
        let message = message.into();
        self.plan
            .waiting
            .insert(container.to_owned(), Waiting { reason, message });
    }
}
