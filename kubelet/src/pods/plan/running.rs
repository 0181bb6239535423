//! A Pod that is to run: its volumes, its sandbox, its containers in their order.

use k8s_openapi::api::core::v1::Container;

use super::{Action, Input, Planner, Why, deadline};
use crate::pods::object::{self, Role};
use crate::pods::seen::Instance;
use crate::probes::ProbeKind;

impl<'a> Planner<'a> {
    pub(super) fn run(&mut self) {
        let Input {
            pod,
            seen,
            progress,
            ..
        } = *self.input;
        if let Some(at) = deadline(pod) {
            self.look_again(at);
        }
        if self.is_due(&progress.volumes) {
            self.push(Action::PrepareVolumes);
        }
        self.keep_sandbox();
        self.resize();
        if self.init() {
            for container in object::app_containers(pod) {
                self.keep(Role::App, container);
            }
        }
        for container in object::ephemeral_containers(pod) {
            self.keep_ephemeral(&container);
        }
        let names: Vec<&String> = seen.containers.keys().collect();
        for name in names {
            self.remove_old(name);
        }
    }

    /// Starts a container that looks inside, when the one it looks into runs. One run is all it gets, also when nothing is
    /// left of it.
    fn keep_ephemeral(&mut self, container: &Container) {
        let Input { pod, seen, .. } = *self.input;
        let known = object::known_status(pod.status.as_ref(), &container.name);
        let has_run = seen.newest(&container.name).is_none()
            && known.is_some_and(|known| known.container_id.is_some());
        let target = object::target(pod, &container.name);
        let is_there =
            target.is_none_or(|target| seen.newest(target).is_some_and(Instance::is_running));
        if !has_run && is_there {
            self.keep(Role::Ephemeral, container);
        }
    }

    /// Sees to it that there is a ready sandbox. What runs in a lost one is stopped first.
    fn keep_sandbox(&mut self) {
        let Input { seen, progress, .. } = *self.input;
        if seen.ready_sandbox().is_some() {
            self.remove_empty_sandboxes();
            return;
        }
        let mut is_busy = false;
        for (_, instance) in seen.instances().filter(|(_, one)| one.is_running()) {
            is_busy = true;
            self.stop(instance, 0, Why::SandboxLost);
        }
        for sandbox in &seen.sandboxes {
            if !progress.stopped_sandboxes.contains(&sandbox.id) {
                is_busy = true;
                self.stop_sandbox(sandbox);
            }
        }
        if !is_busy && self.is_due(&progress.sandbox) {
            let attempt = seen.sandbox().map_or(0, |last| last.attempt + 1);
            self.push(Action::CreateSandbox { attempt });
        }
    }

    /// Old sandboxes go when the last container of theirs is gone that is kept for its state and log.
    fn remove_empty_sandboxes(&mut self) {
        let Input { seen, progress, .. } = *self.input;
        let Some((_, old)) = seen.sandboxes.split_last() else {
            return;
        };
        for sandbox in old {
            let is_empty = !seen
                .instances()
                .any(|(_, one)| one.sandbox_id == sandbox.id);
            if is_empty && !progress.stopping.contains(&sandbox.id) {
                self.push(Action::RemoveSandbox {
                    id: sandbox.id.clone(),
                });
            }
        }
    }

    /// Of a container's ended instances two are kept: for its state, its last state and both logs.
    fn remove_old(&mut self, name: &str) {
        let all = self.input.seen.containers.get(name).map(Vec::as_slice);
        let all = all.unwrap_or_default();
        for old in &all[..all.len().saturating_sub(2)] {
            self.remove(&old.id);
        }
    }

    /// Brings the init containers on; says whether the containers may start.
    fn init(&mut self) -> bool {
        let Input { pod, seen, .. } = *self.input;
        let sandbox = seen.ready_sandbox().map(|sandbox| sandbox.id.as_str());
        let is_past = object::app_containers(pod).iter().any(|app| {
            seen.newest(&app.name)
                .is_some_and(|one| Some(one.sandbox_id.as_str()) == sandbox)
        });
        for (role, container) in object::init_containers(pod) {
            // In a new sandbox the init containers run again, whatever they did in the old one.
            let newest = seen
                .newest(&container.name)
                .filter(|one| Some(one.sandbox_id.as_str()) == sandbox);
            match role {
                Role::Init if is_past => {}
                Role::Init => {
                    if newest
                        .and_then(Instance::exit)
                        .is_some_and(|exit| exit.code == 0)
                    {
                        continue;
                    }
                    self.keep_in(role, container, sandbox);
                    return false;
                }
                _ => {
                    self.keep(role, container);
                    if !is_past && !newest.is_some_and(|one| self.has_started(container, one)) {
                        return false;
                    }
                }
            }
        }
        true
    }

    /// Whether a sidecar is far enough for what comes after it: it runs and its startup probe has passed.
    fn has_started(&self, container: &Container, instance: &Instance) -> bool {
        let progress = self.input.progress;
        instance.is_running()
            && !progress.is_starting(&container.name)
            && (container.startup_probe.is_none()
                || progress.probes.passed(&instance.id, ProbeKind::Startup) == Some(true))
    }
}
