//! The history of a workload's template, in the API as ControllerRevisions: `kubectl rollout history` and `undo` read it.

mod history;
mod store;

use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::{ControllerRevision, DaemonSet, StatefulSet};
use k8s_openapi::api::core::v1::PodTemplateSpec;
use kube::{Resource, ResourceExt};
use skiff_client::Watched;

pub(crate) use history::template;
pub(crate) use store::{forget, newest};

/// How many revisions that no Pod has are kept, unless the workload says otherwise.
const HISTORY: i32 = 10;

/// A workload whose template has a history.
pub(crate) trait Revisioned: Watched + Resource<Scope = NamespaceResourceScope> {
    /// The label of a revision that holds the hash of its data.
    const HASH: &'static str;

    /// The template as it is.
    fn template(&self) -> Option<&PodTemplateSpec>;

    /// How many revisions that no Pod has are kept.
    fn history_limit(&self) -> usize;
}

fn limit(wanted: Option<i32>) -> usize {
    usize::try_from(wanted.unwrap_or(HISTORY)).unwrap_or(0)
}

impl Revisioned for StatefulSet {
    const HASH: &'static str = "controller.kubernetes.io/hash";

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn history_limit(&self) -> usize {
        limit(
            self.spec
                .as_ref()
                .and_then(|spec| spec.revision_history_limit),
        )
    }
}

impl Revisioned for DaemonSet {
    const HASH: &'static str = "controller-revision-hash";

    fn template(&self) -> Option<&PodTemplateSpec> {
        self.spec.as_ref().map(|spec| &spec.template)
    }

    fn history_limit(&self) -> usize {
        limit(
            self.spec
                .as_ref()
                .and_then(|spec| spec.revision_history_limit),
        )
    }
}

/// The hash of a revision of such a workload.
pub(crate) fn hash_of<O: Revisioned>(revision: &ControllerRevision) -> &str {
    let hash = revision.labels().get(O::HASH);
    hash.map(String::as_str).unwrap_or_default()
}
