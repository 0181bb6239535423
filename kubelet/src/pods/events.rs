//! What users are told of a Pod, in the kubelet's words (pkg/kubelet/events).

use k8s_openapi::api::core::v1::Pod;
use skiff_client::{EventType, Recorder};

use super::object::{self, RestartPolicy};
use super::plan::Why;

/// Tells events of one Pod.
pub(crate) struct Teller<'a> {
    recorder: &'a Recorder,
    pod: &'a Pod,
}

impl<'a> Teller<'a> {
    pub(crate) fn new(recorder: &'a Recorder, pod: &'a Pod) -> Self {
        Self { recorder, pod }
    }

    /// Something normal about the Pod.
    pub(crate) fn normal(&self, reason: &str, message: impl Into<String>) {
        let object = object::reference(self.pod);
        self.recorder
            .event(&object, EventType::Normal, reason, message);
    }

    /// Something wrong with the Pod.
    pub(crate) fn warning(&self, reason: &str, message: impl Into<String>) {
        let object = object::reference(self.pod);
        self.recorder
            .event(&object, EventType::Warning, reason, message);
    }

    /// The sandbox that there was is lost, and another one is about to be made.
    pub(crate) fn sandbox_changed(&self) {
        let object = object::reference(self.pod);
        let message = "Pod sandbox changed, it will be killed and re-created.";
        self.recorder
            .event(&object, EventType::Normal, "SandboxChanged", message);
    }

    /// The Pod has run for as long as it may.
    pub(crate) fn deadline(&self) {
        let object = object::reference(self.pod);
        let message = super::plan::DEADLINE_EXCEEDED;
        self.recorder
            .event(&object, EventType::Normal, "DeadlineExceeded", message);
    }

    /// Something normal about a container.
    pub(crate) fn container(&self, name: &str, reason: &str, message: impl Into<String>) {
        let object = object::container_reference(self.pod, name);
        self.recorder
            .event(&object, EventType::Normal, reason, message);
    }

    /// Something wrong with a container.
    pub(crate) fn container_warning(&self, name: &str, reason: &str, message: impl Into<String>) {
        let object = object::container_reference(self.pod, name);
        self.recorder
            .event(&object, EventType::Warning, reason, message);
    }

    /// A container is about to be stopped.
    pub(crate) fn killing(&self, name: &str, why: Why) {
        let message = match why {
            Why::PodEnds | Why::SandboxLost => format!("Stopping container {name}"),
            Why::Changed => format!("Container {name} definition changed, will be restarted"),
            Why::Resized => format!("Container {name} resize requires restart"),
            Why::Unhealthy(kind) => {
                let probe = kind.name().to_lowercase();
                let end = if self.is_restarted(name) {
                    ", will be restarted"
                } else {
                    ""
                };
                format!("Container {name} failed {probe} probe{end}")
            }
        };
        self.container(name, "Killing", message);
    }

    fn is_restarted(&self, name: &str) -> bool {
        let found = object::containers(self.pod).find(|(_, one)| one.name == name);
        found.is_some_and(|(role, container)| {
            object::restart_policy(self.pod, role, container) != RestartPolicy::Never
        })
    }
}
