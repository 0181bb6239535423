//! Which Jobs a change concerns.

use k8s_openapi::api::batch::v1::Job;
use kube::ResourceExt;
use skiff_client::{Informer, ObjectKey, WorkQueue};

use super::pod;
use crate::context::Context;
use crate::ownership::{controller_of, wake_on_change, wake_owners};
use crate::selection::Selection;

/// Adds to `queue` the Jobs that a change of them or of a Pod concerns, also Jobs that are gone and whose Pods still
/// wait to be counted.
pub(super) fn on_changes(context: &Context, jobs: &Informer<Job>, queue: &WorkQueue<ObjectKey>) {
    wake_on_change(jobs, queue);
    wake_owners(
        &context.pods.all,
        jobs,
        |job| Some(Selection::of(job.spec.as_ref()?.selector.as_ref()?)),
        queue,
    );
    let queue = queue.clone();
    context.pods.all.on_change(move |change| {
        let stray = change.object();
        if !pod::is_tracked(stray) || controller_of(&**stray).is_some() {
            return;
        }
        if let Some(name) = pod::job_name(stray) {
            queue.add(ObjectKey::new(stray.namespace().unwrap_or_default(), name));
        }
    });
}
