//! A Pod whose resources were changed: its cgroups follow what it is granted.

use k8s_openapi::api::core::v1::Container;

use super::{Action, Input, Planner};
use crate::pods::resize;

impl<'a> Planner<'a> {
    pub(super) fn resize(&mut self) {
        let Input {
            pod,
            seen,
            progress,
            ..
        } = *self.input;
        let resizing = &progress.resizing;
        if resizing.in_progress.is_none() || seen.ready_sandbox().is_none() {
            return;
        }
        if let Some(change) = resize::next(pod, seen, &resizing.applied)
            && self.is_due(&resizing.step)
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
        let resizing = &progress.resizing;
        let applied = &resizing.applied;
        resizing.in_progress.is_some()
            && resize::must_restart(container, applied)
            && resize::next(pod, seen, applied).is_none()
    }
}
