//! A Pod whose resources were changed: its cgroups follow what it is granted.

use k8s_openapi::api::core::v1::Container;

use super::{Action, Input, Planner};

impl<'a> Planner<'a> {
    pub(super) fn resize(&mut self) {
        let Input {
            pod,
            seen,
            progress,
            ..
        } = *self.input;
        let resizing = &progress.resizing;
        if seen.ready_sandbox().is_some()
            && let Some(change) = resizing.next(pod, seen)
            && self.is_due(resizing.step())
        {
            self.push(Action::Resize(change));
        }
    }

    /// Whether it is time to restart a container for what it is granted now: all that can change without that has.
    pub(super) fn restarts_for_resources(&self, container: &Container) -> bool {
        let Input {
            pod,
            seen,
            progress,
            ..
        } = *self.input;
        progress.resizing.restarts(container, pod, seen)
    }
}
