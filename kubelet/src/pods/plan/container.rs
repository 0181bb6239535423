//! One container of a Pod that is to run: started, checked, restarted.

use jiff::SignedDuration;
use k8s_openapi::api::core::v1::Container;

use super::{Action, Input, Planner, Why};
use crate::pods::object::{self, Role};
use crate::pods::progress::{Failure, Step};
use crate::pods::seen::{Exit, Instance, State};
use crate::probes::ProbeKind;

/// How long a failure is shown before the waiting that follows it (`ErrImagePull`, then `ImagePullBackOff`).
const SHOWN: SignedDuration = SignedDuration::from_secs(3);

impl<'a> Planner<'a> {
    pub(super) fn keep(&mut self, role: Role, container: &Container) {
        self.keep_in(role, container, None);
    }

    /// Sees to it that a container runs, or is started when that is due. With `sandbox`, one that ran in another does not count.
    pub(super) fn keep_in(&mut self, role: Role, container: &Container, sandbox: Option<&str>) {
        let Input {
            pod,
            seen,
            progress,
            ..
        } = *self.input;
        if progress.is_starting(&container.name) {
            return;
        }
        let Some(newest) = seen.newest(&container.name) else {
            let known = object::known_status(pod.status.as_ref(), &container.name);
            self.start(container, known.map_or(0, object::restarts_after_loss));
            return;
        };
        match &newest.state {
            State::Running { .. } => self.check(container, newest),
            State::Created => self.remove(&newest.id),
            State::Exited(exit) => {
                let is_elsewhere = sandbox.is_some_and(|id| id != newest.sandbox_id);
                let is_resized = progress.resizing.is_restarting(&container.name);
                if is_elsewhere || is_resized || object::restarts(pod, role, container, exit.code) {
                    self.restart(container, newest, exit);
                }
            }
        }
    }

    /// Stops a running container that may not go on as it is.
    fn check(&mut self, container: &Container, instance: &Instance) {
        let Input { pod, progress, .. } = *self.input;
        let grace_s = object::grace_s(pod);
        if let Some(kind) = progress.probes.fatal(&instance.id) {
            let probe = match kind {
                ProbeKind::Startup => container.startup_probe.as_ref(),
                _ => container.liveness_probe.as_ref(),
            };
            let own = probe.and_then(|probe| probe.termination_grace_period_seconds);
            self.stop(instance, own.unwrap_or(grace_s), Why::Unhealthy(kind));
        } else if instance.hash != object::hash(container) && !instance.hash.is_empty() {
            self.stop(instance, grace_s, Why::Changed);
        } else if self.restarts_for_resources(container) {
            self.stop(instance, grace_s, Why::Resized);
        }
    }

    /// Starts a container that ended, unless it has ended too often of late.
    fn restart(&mut self, container: &Container, ended: &Instance, exit: &Exit) {
        let Input {
            pod, progress, now, ..
        } = *self.input;
        let is_resized = progress.resizing.is_restarting(&container.name);
        let crashes = progress.containers.get(&container.name);
        let crashes = crashes.filter(|_| !is_resized);
        let delay = crashes.and_then(|one| one.crashes.delay(exit.finished_at));
        let due = exit.finished_at + delay.unwrap_or_default();
        if due <= now {
            self.start(container, ended.attempt + 1);
            return;
        }
        self.look_again(due);
        let shown_until = exit.finished_at + SHOWN;
        if exit.reason == "StartError" && shown_until > now {
            self.wait(&container.name, "RunContainerError", exit.message.clone());
            self.look_again(shown_until);
            return;
        }
        let message = format!(
            "back-off {} restarting failed container={} pod={}",
            go_duration(delay.unwrap_or_default()),
            container.name,
            object::display(pod)
        );
        self.wait(&container.name, "CrashLoopBackOff", message);
    }

    /// Starts a container as soon as its image, the volumes and the sandbox are there; the three are made at the same time.
    fn start(&mut self, container: &Container, attempt: i32) {
        let Input { seen, progress, .. } = *self.input;
        let name = &container.name;
        let one = progress.containers.get(name);
        let image = one.map_or(&Step::Todo, |one| &one.image);
        let start = one.map_or(&Step::Todo, |one| &one.start);
        if let Some(failure) = image.failure() {
            self.wait_for_image(container, failure);
        } else if let Some(failure) = start.failure() {
            self.wait(name, failure.reason, failure.message.clone());
        }
        if self.is_due(image) {
            self.push(Action::EnsureImage {
                container: name.clone(),
            });
        }
        let is_ready = *image == Step::Done
            && progress.volumes == Step::Done
            && seen.ready_sandbox().is_some();
        if is_ready && self.is_due(start) {
            self.push(Action::StartContainer {
                container: name.clone(),
                attempt,
            });
        }
    }

    fn wait_for_image(&mut self, container: &Container, failure: &Failure) {
        let shown_until = failure.at + SHOWN;
        if failure.reason == "ErrImagePull" && shown_until <= self.input.now {
            let message = format!(
                "Back-off pulling image {:?}: ErrImagePull: {}",
                container.image.as_deref().unwrap_or_default(),
                failure.message
            );
            return self.wait(&container.name, "ImagePullBackOff", message);
        }
        self.look_again(shown_until);
        self.wait(&container.name, failure.reason, failure.message.clone());
    }
}

/// A duration as Go prints it: `10s`, `1m20s`, `5m0s`.
fn go_duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs();
    match seconds / 60 {
        0 => format!("{seconds}s"),
        minutes => format!("{minutes}m{}s", seconds % 60),
    }
}
