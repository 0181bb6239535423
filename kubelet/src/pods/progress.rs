//! What a Pod's worker has set going and how it went: all that is known of a Pod beyond the API and the runtime.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::backoff::Backoff;
use super::orders::Eviction;
use super::resize::Resizing;
pub(crate) use super::step::{Failure, Step};
use crate::probes::ProbeKind;

/// Where the work on a Pod stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) volumes: Step,
    /// What is in the volumes has changed while they were being written.
    pub(crate) volumes_are_stale: bool,
    pub(crate) volume_failures: u32,
    pub(crate) sandbox: Step,
    pub(crate) sandbox_failures: u32,
    pub(crate) containers: BTreeMap<String, Container>,
    /// The ids of containers and sandboxes that are being stopped or removed.
    pub(crate) stopping: BTreeSet<String>,
    /// Containers whose stop was begun: their end was told and their preStop hook has run, also if the stop is to be repeated.
    pub(crate) stop_begun: BTreeSet<String>,
    /// When a container that is being stopped will be killed.
    pub(crate) stop_by: BTreeMap<String, Timestamp>,
    /// Sandboxes that were stopped by us: their network is given back.
    pub(crate) stopped_sandboxes: BTreeSet<String>,
    /// Since when the Pod is being ended.
    pub(crate) ending_since: Option<Timestamp>,
    /// Why the Pod must leave the node.
    pub(crate) evicted: Option<Eviction>,
    /// The end of the volumes.
    pub(crate) cleaned: Step,
    /// The last deletion, that of the object.
    pub(crate) deleted: Step,
    pub(crate) probes: Probes,
    pub(crate) resizing: Resizing,
}

impl Progress {
    /// Whether a container of this name is being started.
    pub(crate) fn is_starting(&self, name: &str) -> bool {
        self.containers
            .get(name)
            .is_some_and(|one| one.start == Step::Busy)
    }

    /// Whether a sandbox or any container is being made.
    pub(crate) fn is_making(&self) -> bool {
        self.sandbox == Step::Busy || self.containers.values().any(|one| one.start == Step::Busy)
    }
}

/// The next start of one container.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Container {
    pub(crate) image: Step,
    /// The image, once `image` is done.
    pub(crate) on_node: Image,
    pub(crate) pulls: Backoff,
    pub(crate) start: Step,
    pub(crate) crashes: Backoff,
}

/// An image that is on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) id: String,
    /// The user that it runs as, by number or by name; neither means root.
    pub(crate) uid: Option<i64>,
    pub(crate) username: String,
}

/// What the probes found, by container id.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Probes {
    results: BTreeMap<(String, ProbeKind), bool>,
}

impl Probes {
    /// Notes a result; says whether it is news.
    pub(crate) fn note(&mut self, container_id: &str, kind: ProbeKind, passed: bool) -> bool {
        let old = self.results.insert((container_id.to_owned(), kind), passed);
        old != Some(passed)
    }

    /// The last result, if there is one.
    pub(crate) fn passed(&self, container_id: &str, kind: ProbeKind) -> Option<bool> {
        self.results.get(&(container_id.to_owned(), kind)).copied()
    }

    /// The probe that says that the container must be restarted.
    pub(crate) fn fatal(&self, container_id: &str) -> Option<ProbeKind> {
        [ProbeKind::Liveness, ProbeKind::Startup]
            .into_iter()
            .find(|kind| self.passed(container_id, *kind) == Some(false))
    }

    /// Forgets a container that ended.
    pub(crate) fn forget(&mut self, container_id: &str) {
        self.results.retain(|(id, _), _| id != container_id);
    }
}
