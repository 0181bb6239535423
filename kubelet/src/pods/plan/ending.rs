//! A Pod that ends: its containers, its sandbox, its volumes, its object, its traces.

use jiff::SignedDuration;

use super::{Action, Input, Planner, Want, Why};
use crate::pods::object::{self, Role};
use crate::pods::progress::Step;
use crate::pods::seen::{Instance, Sandbox};

/// A grace period counts as shorter when it is so by more than this.
const SOONER: SignedDuration = SignedDuration::from_secs(2);
/// The most that a Pod gets whose object is gone: somebody deleted it by force, and its name may be taken again
/// (<https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-termination-forced>).
const FORGOTTEN_S: i64 = 1;
/// How long the end of an evicted Pod's containers may be unknown to the API server.
const UNKNOWN: SignedDuration = SignedDuration::from_secs(10);

impl<'a> Planner<'a> {
    /// Stops all containers at the same time, sidecars after the others and the last one first.
    pub(super) fn end(&mut self) {
        let Input {
            pod,
            seen,
            progress,
            want,
            now,
            ..
        } = *self.input;
        let since = progress.ending_since.unwrap_or(now);
        let most_s = match (want, &progress.evicted) {
            (Want::Forget, _) => Some(FORGOTTEN_S),
            (_, Some(eviction)) => Some(eviction.max_grace_s()),
            (Want::Run | Want::End, None) => None,
        };
        let wanted_s = object::grace_s(pod);
        let grace_s = most_s.map_or(wanted_s, |most_s| wanted_s.min(most_s));
        let left_s = grace_s - now.duration_since(since).as_secs();
        let running: Vec<(&str, &Instance)> = seen
            .instances()
            .filter(|(_, one)| one.is_running())
            .collect();
        let is_sidecar = |name: &str| object::role(pod, name) == Some(Role::Sidecar);
        let mut is_any = false;
        for (_, instance) in running.iter().filter(|(name, _)| !is_sidecar(name)) {
            is_any = true;
            self.stop(instance, left_s.max(0), Why::PodEnds);
        }
        if is_any {
            return;
        }
        let last = object::init_containers(pod)
            .rev()
            .find_map(|(_, container)| running.iter().find(|(name, _)| *name == container.name));
        if let Some((_, instance)) = last {
            self.stop(instance, left_s.max(0), Why::PodEnds);
        }
    }

    pub(super) fn give_back(&mut self) {
        let Input { seen, progress, .. } = *self.input;
        let mut is_held = false;
        for sandbox in &seen.sandboxes {
            if !progress.stopped_sandboxes.contains(&sandbox.id) {
                is_held = true;
                self.stop_sandbox(sandbox);
            }
        }
        if !is_held && progress.volumes != Step::Busy && self.is_due(&progress.cleaned) {
            self.push(Action::CleanUp);
        }
    }

    pub(super) fn forget(&mut self) {
        let Input {
            seen,
            progress,
            want,
            ..
        } = *self.input;
        match want {
            Want::Run if progress.evicted.is_some() => self.give_back_disk(),
            Want::Run => {}
            Want::End => {
                if self.is_due(&progress.deleted) {
                    self.push(Action::DeletePod);
                }
            }
            Want::Forget if seen.sandboxes.is_empty() => self.push(Action::Finish),
            Want::Forget => self.remove_sandboxes(),
        }
    }

    /// What the containers of an evicted Pod wrote goes when the API server knows how they ended, which a full disk may keep it
    /// from for ever.
    fn give_back_disk(&mut self) {
        let Input {
            pod, progress, now, ..
        } = *self.input;
        let latest = progress.ending_since.unwrap_or(now) + UNKNOWN;
        if object::is_evicted(pod) || latest <= now {
            self.remove_sandboxes();
        } else {
            self.look_again(latest);
        }
    }

    fn remove_sandboxes(&mut self) {
        let Input { seen, progress, .. } = *self.input;
        for sandbox in &seen.sandboxes {
            if !progress.stopping.contains(&sandbox.id) {
                self.push(Action::RemoveSandbox {
                    id: sandbox.id.clone(),
                });
            }
        }
    }

    pub(super) fn remove(&mut self, id: &str) {
        if !self.input.progress.stopping.contains(id) {
            self.push(Action::RemoveContainer { id: id.to_owned() });
        }
    }

    /// Stops a container, also one that is being stopped already if it is to end sooner now: a deletion may be repeated
    /// with a shorter grace period.
    pub(super) fn stop(&mut self, instance: &Instance, grace_s: i64, why: Why) {
        let Input { progress, now, .. } = *self.input;
        let by = now + SignedDuration::from_secs(grace_s);
        let known = progress.stop_by.get(&instance.id);
        let is_sooner = known.is_some_and(|known| by + SOONER < *known);
        if is_sooner || !progress.stopping.contains(&instance.id) {
            self.push(Action::StopContainer {
                id: instance.id.clone(),
                grace_s,
                why,
            });
        }
    }

    pub(super) fn stop_sandbox(&mut self, sandbox: &Sandbox) {
        if !self.input.progress.stopping.contains(&sandbox.id) {
            self.push(Action::StopSandbox {
                id: sandbox.id.clone(),
            });
        }
    }
}
