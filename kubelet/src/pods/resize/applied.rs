use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{Container, Pod, ResourceRequirements};

use crate::pods::cgroup::Limits;
use crate::pods::config::resources::Bounds;
use crate::pods::object;

/// What the cgroups of a Pod were set to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Applied {
    /// That of the Pod; `None` if nobody knows.
    pub(crate) limits: Option<Limits>,
    /// The Pod's own resources for which it was set, if it has any.
    pub(crate) of_pod: Option<ResourceRequirements>,
    /// Those of its containers, as far as it is known.
    pub(crate) containers: BTreeMap<String, Has>,
}

/// What the cgroup of a container was set to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Has {
    /// As the container says.
    pub(crate) resources: ResourceRequirements,
    /// With what it has of its Pod.
    bounds: Bounds,
}

impl Applied {
    /// All is as the Pod says.
    pub(super) fn of(pod: &Pod) -> Self {
        let mut all = Self::default();
        all.note_pod(pod);
        for (_, container) in object::containers(pod) {
            all.note(pod, container);
        }
        all
    }

    /// The cgroup of the Pod is as it says.
    pub(super) fn note_pod(&mut self, pod: &Pod) {
        self.limits = Some(Limits::of(pod));
        self.of_pod = pod.spec.as_ref().and_then(|spec| spec.resources.clone());
    }

    /// A container has what it was granted.
    pub(crate) fn note(&mut self, pod: &Pod, container: &Container) {
        let has = Has {
            resources: container.resources.clone().unwrap_or_default(),
            bounds: Bounds::of(pod, container),
        };
        self.containers.insert(container.name.clone(), has);
    }

    /// What a container runs with, if it is known.
    pub(super) fn bounds(&self, container: &Container) -> Option<Bounds> {
        Some(self.containers.get(&container.name)?.bounds)
    }
}
